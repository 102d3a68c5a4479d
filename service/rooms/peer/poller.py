"""Poller that reads the datagrams of all connections together.

Every track sends a packet each 20 ms, at a time of its own, and asyncio wakes up for each. Twenty
tracks wake it hundreds of times a second. A wake-up costs more than a packet, because the processor
has slept and its caches are cold. So the event loop stops watching an established connection, and
the poller reads its datagrams on the same beat as the others' (decision 0016).
"""

from __future__ import annotations

import asyncio
import contextlib
import select
from contextvars import Context
from typing import Any

import structlog

from service.beat import next_beat

log = structlog.get_logger()

_AT_ONCE = 32
"""Most datagrams that are read before the event loop's other work continues."""
_LONGEST = 2048
"""Most bytes read of a datagram: more than `guard.py` allows, so that it sees the excess."""
_POLLER = "_earshot_poller"


def get_poller() -> Poller:
    """Return the running event loop's poller."""
    loop = asyncio.get_running_loop()
    poller: Poller | None = getattr(loop, _POLLER, None)
    if poller is None:
        poller = Poller()
        setattr(loop, _POLLER, poller)
    return poller


class Poller:
    """Reads on every beat of one event loop; stopped while there is no connection."""

    def __init__(self) -> None:
        self._epoll: select.epoll | None = None
        self._transports: dict[int, Any] = {}
        """asyncio's transports by descriptor."""
        self._next: asyncio.Handle | None = None

    def add_transport(self, transport: asyncio.DatagramTransport) -> bool:
        """Read a transport's datagrams from now on.

        Its protocol gets them as before, and its errors are logged.

        Returns:
            False, with nothing changed, where asyncio's parts are not as we know them, or the
            system has no epoll or no descriptor for one.
        """
        loop = asyncio.get_running_loop()
        sock = getattr(transport, "_sock", None)
        unwatch = getattr(loop, "_remove_reader", None)
        if sock is None or unwatch is None or not hasattr(select, "epoll"):
            return False
        if transport.is_closing() or not self._watch(sock.fileno()):
            return False
        unwatch(sock.fileno())
        self._transports[sock.fileno()] = transport
        if self._next is None:  # in an empty context, not the first caller's
            self._next = loop.call_soon(self._read_all, loop, context=Context())
        return True

    def remove_transport(self, transport: asyncio.DatagramTransport) -> None:
        """Stop reading a transport that is about to be closed, if it is read at all."""
        for descriptor, one in list(self._transports.items()):
            if one is transport:
                self._drop(descriptor)

    def _watch(self, descriptor: int) -> bool:
        for known, transport in list(self._transports.items()):
            if transport.is_closing():  # it closes by itself and has not been removed yet
                self._drop(known)
        try:
            if self._epoll is None:
                self._epoll = select.epoll()
            self._epoll.register(descriptor, select.EPOLLIN)
        except OSError:
            return False
        return True

    def _read_all(self, loop: asyncio.AbstractEventLoop) -> None:
        """Read what has come, and schedule the next call even after an error."""
        if not self._transports or self._epoll is None:
            self._close()
            return
        more = False
        try:
            for descriptor, _ in self._epoll.poll(0, _AT_ONCE):
                more = True
                self._receive(descriptor)
        finally:
            if more:
                self._next = loop.call_soon(self._read_all, loop)
            else:
                self._next = loop.call_at(next_beat(loop.time()), self._read_all, loop)

    def _receive(self, descriptor: int) -> None:
        transport = self._transports.get(descriptor)
        if transport is None:  # removed by an earlier datagram's protocol
            return
        if transport.is_closing():
            self._drop(descriptor)
            return
        protocol = transport.get_protocol()
        try:
            try:
                data, address = transport._sock.recvfrom(_LONGEST)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                protocol.error_received(error)
                return
            protocol.datagram_received(data, address)
        except Exception:
            log.exception("peer.datagram_failed")

    def _drop(self, descriptor: int) -> None:
        del self._transports[descriptor]
        with contextlib.suppress(OSError, ValueError):  # it is closed, so epoll has forgotten it
            assert self._epoll is not None
            self._epoll.unregister(descriptor)

    def _close(self) -> None:
        self._next = None
        if self._epoll is not None:
            self._epoll.close()
            self._epoll = None
