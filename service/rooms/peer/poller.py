"""Poller that reads the datagrams of all connections together.

Every track sends a packet each 20 ms, at a time of its own, and asyncio wakes up for each. Twenty
tracks wake it hundreds of times a second. A wake-up costs more than a packet, because the processor
has slept and its caches are cold. So the event loop stops watching an established connection, and
the poller reads its datagrams on the same beat as the others' (decision 0016).

Where it reads late, because the process stood still or is busy, each datagram keeps the time at
which it came (`arrivals.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import select
import time
from collections import deque
from contextvars import Context
from typing import Any

import structlog

from service.beat import next_beat
from service.rooms.peer.arrivals import ArrivalClock, count_dropped, prepare_socket, receive_stamped

log = structlog.get_logger()

_AT_ONCE = 32
"""Most datagrams that are read before the event loop's other work continues."""
_LONGEST = 2048
"""Most bytes read of a datagram: more than `guard.py` allows, so that it sees the excess."""
_LATE_S = 0.1
"""Time without an empty poll from which datagrams have waited: their arrivals are asked for."""
_MOST_DRAINED = 10_000
"""Most datagrams read of a socket that is closed: more than its buffer holds."""
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
    """Reads on every beat of one event loop; stopped while there is no connection.

    A sweep reads one datagram of each socket that has any.
    """

    def __init__(self) -> None:
        self._epoll: select.epoll | None = None
        self._transports: dict[int, Any] = {}
        """asyncio's transports by descriptor."""
        self._next: asyncio.Handle | None = None
        self._dropped: dict[int, tuple[int, float]] = {}
        """Datagrams that the kernel dropped, and when it was noticed, by descriptor."""
        self._clock = ArrivalClock()
        self._sweep: deque[int] = deque()  # descriptors that this sweep has still to read
        self._read_until_s = 0.0
        self._earliest_s = 0.0  # earliest arrival in this sweep
        self._late = False
        self._arrived_s: float | None = None  # arrival of the datagram that is delivered now

    def arrival_s(self) -> float:
        """Return the arrival of the datagram that is delivered now, in the event loop's time."""
        return time.monotonic() if self._arrived_s is None else self._arrived_s

    def read_until_s(self, now_s: float) -> float:
        """Return the time before which every datagram has been delivered, about `now_s` mostly."""
        if not self._transports or now_s - self._read_until_s < _LATE_S:
            return now_s
        return self._read_until_s

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
        prepare_socket(sock)
        if not self._transports:
            self._note_empty(loop.time())
        self._transports[sock.fileno()] = transport
        if self._next is None:  # in an empty context, not the first caller's
            self._next = loop.call_soon(self._read_all, loop, context=Context())
        return True

    def remove_transport(self, transport: asyncio.DatagramTransport) -> float:
        """Stop reading a transport that is about to be closed, if it is read at all.

        What waits in its socket is delivered first.

        Returns:
            Time at which it was last noticed that its receive buffer was full, on the event loop's
            clock; 0.0: never.
        """
        dropped_s = 0.0
        for descriptor, one in list(self._transports.items()):
            if one is transport:
                self._drain(descriptor)
                dropped_s = self._dropped.get(descriptor, (0, 0.0))[1]
                if self._transports.get(descriptor) is transport:
                    self._drop(descriptor)
        return dropped_s

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
        more = True
        try:
            if not self._sweep:
                more = self._begin_sweep(self._epoll, loop.time())
            for _ in range(min(len(self._sweep), _AT_ONCE)):
                self._receive(self._sweep.popleft())
            if more and not self._sweep and self._late:
                self._read_until_s = max(self._read_until_s, self._earliest_s)
        finally:
            if more:
                self._next = loop.call_soon(self._read_all, loop)
            else:
                self._next = loop.call_at(next_beat(loop.time()), self._read_all, loop)

    def _begin_sweep(self, epoll: select.epoll, now_s: float) -> bool:
        """List the sockets that have datagrams; False where none has."""
        ready = epoll.poll(0, len(self._transports))
        if not ready:
            self._note_empty(now_s)
            return False
        self._sweep.extend(descriptor for descriptor, _ in ready)
        self._note_sweep(now_s)
        return True

    def _note_sweep(self, now_s: float) -> None:
        self._earliest_s = now_s
        before, self._late = self._late, self._late or now_s - self._read_until_s > _LATE_S
        if self._late:
            self._clock.begin_reading(now_s)
        if self._late and not before:
            for descriptor in self._transports:
                self._note_dropped(descriptor, now_s)

    def _note_dropped(self, descriptor: int, now_s: float) -> None:
        transport = self._transports[descriptor]
        if transport.is_closing():  # it may have no socket any more
            return
        count = count_dropped(transport._sock)
        before, at_s = self._dropped.get(descriptor, (0, 0.0))
        self._dropped[descriptor] = (count, now_s if count > before else at_s)

    def _note_empty(self, now_s: float) -> None:
        self._read_until_s, self._late = now_s, False
        self._clock.note_empty(now_s)

    def _receive(self, descriptor: int) -> bool:
        """Deliver a datagram of a socket; False where none waits."""
        transport = self._transports.get(descriptor)
        if transport is None:  # removed by an earlier datagram's protocol
            return False
        if transport.is_closing():
            self._drop(descriptor)
            return False
        protocol = transport.get_protocol()
        try:
            try:
                data, address = self._receive_from(transport._sock)
            except (BlockingIOError, InterruptedError):
                return False
            except OSError as error:
                protocol.error_received(error)
                return False
            protocol.datagram_received(data, address)
        except Exception:
            log.exception("peer.datagram_failed")
        finally:
            self._arrived_s = None
        return True

    def _receive_from(self, sock: Any) -> tuple[bytes, Any]:
        """Receive a datagram, and note its arrival if it has waited."""
        if not self._late:
            received: tuple[bytes, Any] = sock.recvfrom(_LONGEST)
            return received
        data, address, stamp = receive_stamped(sock, _LONGEST)
        arrived_s = self._clock.arrival_s(stamp, self._read_until_s, time.monotonic())
        self._earliest_s = min(self._earliest_s, arrived_s)
        self._arrived_s = arrived_s
        return data, address

    def _drain(self, descriptor: int) -> None:
        """Deliver what waits in a socket, as if its sweeps had come."""
        outer, earliest_s, late = self._arrived_s, self._earliest_s, self._late
        self._note_sweep(time.monotonic())
        for _ in range(_MOST_DRAINED):
            if not self._receive(descriptor):
                break
        self._arrived_s, self._earliest_s, self._late = outer, earliest_s, late

    def _drop(self, descriptor: int) -> None:
        del self._transports[descriptor]
        self._dropped.pop(descriptor, None)
        with contextlib.suppress(OSError, ValueError):  # it is closed, so epoll has forgotten it
            assert self._epoll is not None
            self._epoll.unregister(descriptor)

    def _close(self) -> None:
        self._next = None
        self._sweep.clear()
        if self._epoll is not None:
            self._epoll.close()
            self._epoll = None
