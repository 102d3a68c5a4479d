"""HTTP client for webhooks, the only door to httpcore.

A name is resolved and checked at each connection, and the connection goes to the checked address,
so a name that changes in between gains nothing (DNS rebinding). The certificate must match the
name. The client follows no redirect, uses no proxy, and reads only the beginning of an answer.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpcore

from service.beat import timeout_awake
from service.errors import Problem
from service.webhooks.address import (
    Address,
    Allowed,
    Refused,
    Target,
    as_address,
    parse_target,
    permit,
)
from service.webhooks.delivery import Answer

CONNECT_S = 5.0
TOTAL_S = 20.0
RESPONSE_BYTES = 2_000
NOT_SENT = "it became too late to send it before the connection was made"

_IDLE_S = 4.0
"""Life of an idle connection. Receivers commonly close theirs after 5 s; ours closes first, so that
no request meets a closed connection."""
_KEPT = 200
_RESOLVERS = 128
"""Names resolved at the same time: more than all requests in order, so that names that do not
resolve delay no others."""

Resolve = Callable[[str, int], Awaitable[Sequence[Address]]]
"""Host and port -> addresses. Raises: OSError."""


class _NotSent(Exception):
    """The caller withdrew the request before it was written."""


class HttpSender:
    """`service.webhooks.ports.Sender`. Call `close` at the end.

    Args:
        allowed: Networks and hosts that may be called although the rules refuse them.
        tls: Context with other trusted certificates than the system's.
    """

    def __init__(
        self,
        allowed: Allowed,
        *,
        resolve: Resolve | None = None,
        tls: ssl.SSLContext | None = None,
        connect_s: float = CONNECT_S,
        total_s: float = TOTAL_S,
    ) -> None:
        self._allowed = allowed
        self._threads = ThreadPoolExecutor(_RESOLVERS, thread_name_prefix="resolve-")
        self._resolve = resolve or self._look_up
        self._total_s = total_s
        self._connect_s = connect_s
        self._pools = {
            scheme: httpcore.AsyncConnectionPool(
                ssl_context=tls or ssl.create_default_context(),
                max_connections=None,  # the receivers have limits
                max_keepalive_connections=_KEPT,
                keepalive_expiry=_IDLE_S,
                network_backend=_Pinned(scheme, self._addresses),
            )
            for scheme in ("https", "http")
        }

    async def close(self) -> None:
        for pool in self._pools.values():
            await pool.aclose()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def check(self, url: str) -> None:
        """Refuse a URL that may not be called. A name without an address now is not refused."""
        try:
            target = parse_target(url, self._allowed)
            async with asyncio.timeout(self._connect_s):
                await self._addresses(target)
        except Refused as error:
            raise Problem(422, "Address refused", str(error)) from error
        except (OSError, TimeoutError):
            return

    async def post(
        self,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        total_s: float | None = None,
        may_send: Callable[[], bool] = lambda: True,
    ) -> Answer:
        began, total_s = time.monotonic(), min(total_s or self._total_s, self._total_s)
        try:
            target = parse_target(url, self._allowed)
            async with timeout_awake(total_s):
                answer = await self._send(target, headers, body, may_send)
        except _NotSent:
            answer = Answer(error=NOT_SENT)
        except Refused as error:
            answer = Answer(error=str(error), refused=True)
        except TimeoutError:
            answer = Answer(error=f"no complete answer within {total_s:g} s")
        except httpcore.ConnectTimeout:
            answer = Answer(error=f"no connection within {self._connect_s:g} s")
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
            answer = Answer(error=_plain(error))
        except OSError as error:
            answer = Answer(error=f"the name cannot be resolved: {error.strerror}")
        took_ms = round((time.monotonic() - began) * 1000)
        return Answer(
            status=answer.status,
            text=answer.text,
            error=answer.error,
            refused=answer.refused,
            retry_after=answer.retry_after,
            duration_ms=took_ms,
        )

    async def _send(
        self,
        target: Target,
        headers: Mapping[str, str],
        body: bytes,
        may_send: Callable[[], bool],
    ) -> Answer:
        async def check_before_sending(step: str, _: Mapping[str, Any]) -> None:
            if step.endswith("send_request_headers.started") and not may_send():
                raise _NotSent

        request = httpcore.Request(
            b"POST",
            httpcore.URL(
                scheme=target.scheme.encode(),
                host=target.host.encode(),
                port=target.port,
                target=target.path.encode(),
            ),
            headers=[
                ("host", target.authority),
                ("accept-encoding", "identity"),
                ("content-length", str(len(body))),
                *headers.items(),
            ],
            content=body,
            extensions={
                "timeout": {"connect": self._connect_s},
                "trace": check_before_sending,
            },
        )
        response = await self._pools[target.scheme].handle_async_request(request)
        try:
            text = await _beginning(response)
        finally:
            await response.aclose()  # the rest of the answer is not read
        retry_after = next(
            (value for name, value in response.headers if name.lower() == b"retry-after"), b""
        )
        return Answer(
            status=response.status,
            text=text.decode("utf-8", "replace").replace("\x00", "\ufffd"),
            retry_after=retry_after.decode("ascii", "replace")[:100],
        )

    async def _addresses(self, target: Target) -> Sequence[Address]:
        """Resolve and check the target's host.

        Raises:
            Refused: An address may not be called.
            OSError: The name has no address.
        """
        found = (
            [target.address]
            if target.address is not None
            else await self._resolve(target.host, target.port)
        )
        return permit(target, found, self._allowed)

    async def _look_up(self, host: str, port: int) -> Sequence[Address]:
        found = await asyncio.get_running_loop().run_in_executor(
            self._threads,
            lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM),
        )
        return list(dict.fromkeys(ipaddress.ip_address(entry[4][0]) for entry in found))


class _Pinned(httpcore.AsyncNetworkBackend):
    """Network backend that connects only to checked addresses."""

    def __init__(
        self, scheme: str, addresses: Callable[[Target], Awaitable[Sequence[Address]]]
    ) -> None:
        self._scheme = scheme
        self._addresses = addresses
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        failed: Exception = OSError(None, "it has no address")
        target = Target(self._scheme, host, port, "/", as_address(host))
        for address in await self._addresses(target):
            try:
                return await self._network.connect_tcp(str(address), port, timeout)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed

    async def sleep(self, seconds: float) -> None:
        await self._network.sleep(seconds)


async def _beginning(response: httpcore.Response) -> bytes:
    text = b""
    async for part in response.aiter_stream():
        text += part[: RESPONSE_BYTES - len(text)]
        if len(text) >= RESPONSE_BYTES:
            break
    return text


def _plain(error: Exception) -> str:
    """Return an error in plain words; the library's text is often empty."""
    kinds = {
        httpcore.ConnectError: "no connection",
        httpcore.ReadError: "the connection broke before the answer was complete",
        httpcore.WriteError: "the connection broke while the request was sent",
        httpcore.RemoteProtocolError: "the answer is not HTTP, or was cut off",
    }
    said = str(error)
    plain = kinds.get(type(error), type(error).__name__)
    return f"{plain}: {said[:200]}" if said else plain
