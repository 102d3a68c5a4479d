"""The server of `earshot serve`, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import click
import structlog
import uvicorn
from starlette.types import ASGIApp

from service.app import create_app
from service.commands.connections import Closed, Connections
from service.commands.request_timeout import bound_protocol
from service.errors import ConfigurationError, Failed
from service.server import RunningServer, run_roles
from service.settings import Settings
from service.storage.database_lock import DatabaseLock
from service.web import forwarded
from service.web.descriptors import HttpShare, http_share, raise_descriptor_limit
from service.web.forwarded import ForwardedHeaders

log = structlog.get_logger()

_GRACE_S = 2
_BACKLOG = 2048
_NO_DESCRIPTOR = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


async def run_server(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        ConfigurationError: the address cannot be listened on, or a part cannot start.
        Failed: another server took the database while it was away.
    """
    app, loop = create_app(), asyncio.get_running_loop()
    outside = ForwardedHeaders(app, os.environ.get(forwarded.VARIABLE, ""))
    share = http_share(raise_descriptor_limit())
    with _listen(settings.host, settings.port) as listener:
        async with run_roles(app, settings, most_feeds=share.feeds) as parts:
            connections = Connections(share.connections, parts.front.metrics, loop.time)
            loop.set_exception_handler(partial(_handle_loop_error, connections))
            server = _Server(outside, parts, settings, listener, connections, share)
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, server.stop)
            async with asyncio.TaskGroup() as tasks:
                watch = tasks.create_task(
                    _stop_when_lost(parts.hold, server), name="hold of database"
                )
                await server.serve(sockets=[listener])
                watch.cancel()
        if parts.hold.lost.is_set():
            raise Failed(parts.hold.why_not())


async def _stop_when_lost(hold: DatabaseLock, server: _Server) -> None:
    """Stop when another server has taken the database: two would report on the same speakers."""
    await hold.lost.wait()
    log.error("database.lost_to_another_server")
    server.stop()


def _handle_loop_error(
    connections: Connections, loop: asyncio.AbstractEventLoop, context: dict[str, Any]
) -> None:
    """Count connections that found no descriptor, which asyncio would log one by one."""
    error = context.get("exception")
    if context.get("socket") and getattr(error, "errno", None) in _NO_DESCRIPTOR:
        connections.count(Closed.NO_DESCRIPTOR)
    else:
        loop.default_exception_handler(context)


class _Server(uvicorn.Server):
    """Server that prints its address, and closes the feed before it waits for open requests."""

    def __init__(
        self,
        app: ASGIApp,
        parts: RunningServer,
        settings: Settings,
        listener: socket.socket,
        connections: Connections,
        share: HttpShare,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=bound_protocol(connections),
                backlog=share.accepted_at_once,
                ws="none",
                lifespan="off",
                proxy_headers=False,  # `ForwardedHeaders` does it: uvicorn would trust loopback
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=_GRACE_S,
            )
        )
        self._parts = parts
        self._listener = listener
        host, port = settings.host, listener.getsockname()[1]
        shown = "127.0.0.1" if host in ("0.0.0.0", "") else f"[{host}]" if ":" in host else host
        self._url = f"http://{shown}:{port}"
        self._console = (settings.public_url or self._url).rstrip("/")

    def stop(self) -> None:
        self.force_exit = self.should_exit  # a second signal stops at once
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # `backlog` bounds how many connections asyncio accepts at once. The kernel may hold more.
        self._listener.listen(_BACKLOG)
        click.echo(f"listening on {self._url}")
        if self._parts.first_key:
            click.echo(f"console {self._console}/#key={self._parts.first_key}")
        if self._parts.front.notice:
            log.warning("asr.demo_model", notice=self._parts.front.notice)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._parts.front.broadcaster.close()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # run_server handles the signals


@contextmanager
def _listen(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns off Nagle's algorithm only if the protocol is given.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        listener.close()
        raise ConfigurationError(_cannot_listen(host, port, error)) from error
    with listener:
        yield listener


def _cannot_listen(host: str, port: int, error: Exception) -> str:
    match getattr(error, "errno", None):
        case errno.EADDRINUSE:
            return (
                f"EARSHOT_PORT: port {port} on {host} is in use; stop the program that uses it, "
                "or choose another port (0: any free one)"
            )
        case errno.EACCES:
            return f"EARSHOT_PORT: port {port} needs privileges; choose one above 1023"
        case _:
            return f"EARSHOT_HOST: {host!r} is not an address of this machine ({error})"
