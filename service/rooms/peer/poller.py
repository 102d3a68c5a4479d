"""The datagrams of all connections, read together.

Every track sends a packet each 20 ms, at a time of its own. asyncio wakes up for each: twenty
tracks wake it hundreds of times a second, and to wake costs more than a packet, for the processor
has slept and its caches are cold. So a connection that has been made is not watched by the event
loop any more; what has come for it is read with what has come for the others (decision 0016).
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
"""Datagrams that are read before all else has its turn again."""
_LONGEST = 2048
"""Bytes that are read of one: more than the path takes, so that it sees that it is too long."""
_POLLER = "_earshot_poller"


def poller() -> Poller:
    """The running event loop's."""
    loop = asyncio.get_running_loop()
    found: Poller | None = getattr(loop, _POLLER, None)
    if found is None:
        found = Poller()
        setattr(loop, _POLLER, found)
    return found


class Poller:
    """Belongs to an event loop. Reads on every beat; without a connection nothing of it runs."""

    def __init__(self) -> None:
        self._epoll: select.epoll | None = None
        self._read: dict[int, Any] = {}
        """asyncio's transports by their descriptors."""
        self._next: asyncio.Handle | None = None

    def take(self, transport: asyncio.DatagramTransport) -> bool:
        """Read this transport's datagrams from now on; its protocol gets them as ever, and what it
        raises is logged. False, and nothing is changed, where asyncio's parts are not as we know
        them, or the system has no epoll or none to spare."""
        loop = asyncio.get_running_loop()
        sock = getattr(transport, "_sock", None)
        unwatch = getattr(loop, "_remove_reader", None)
        if sock is None or unwatch is None or not hasattr(select, "epoll"):
            return False
        if transport.is_closing() or not self._watch(sock.fileno()):
            return False
        unwatch(sock.fileno())
        self._read[sock.fileno()] = transport
        if self._next is None:  # in a context of its own, not of whoever came first
            self._next = loop.call_soon(self._turn, loop, context=Context())
        return True

    def release(self, transport: asyncio.DatagramTransport) -> None:
        """Read it no more, for it is about to be closed; nothing where it is not read."""
        for descriptor, one in list(self._read.items()):
            if one is transport:
                self._drop(descriptor)

    def _watch(self, descriptor: int) -> bool:
        for known, transport in list(self._read.items()):
            if transport.is_closing():  # by itself, and nobody has released it yet
                self._drop(known)
        try:
            if self._epoll is None:
                self._epoll = select.epoll()
            self._epoll.register(descriptor, select.EPOLLIN)
        except OSError:
            return False
        return True

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        """Whatever happens in it, there is a next one: all connections depend on that."""
        if not self._read or self._epoll is None:
            self._close()
            return
        more = False
        try:
            for descriptor, _ in self._epoll.poll(0, _AT_ONCE):
                more = True
                self._receive(descriptor)
        finally:
            if more:
                self._next = loop.call_soon(self._turn, loop)
            else:
                self._next = loop.call_at(next_beat(loop.time()), self._turn, loop)

    def _receive(self, descriptor: int) -> None:
        transport = self._read.get(descriptor)
        if transport is None:  # released by one before it
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
        del self._read[descriptor]
        with contextlib.suppress(OSError, ValueError):  # it has been closed, and is forgotten
            assert self._epoll is not None
            self._epoll.unregister(descriptor)

    def _close(self) -> None:
        self._next = None
        if self._epoll is not None:
            self._epoll.close()
            self._epoll = None
