"""Arrival times of datagrams that waited in the kernel, and room for them to wait.

A process that stands still (it was stopped, its machine slept, its event loop was busy) reads late
what came in time. The kernel notes when each datagram came (SO_TIMESTAMPNS, socket(7)), so that
sound is dated when it was said, and a wait is no flood.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from collections.abc import Callable

_SO_TIMESTAMPNS = 35
"""Linux' number of the option, which Python does not name; also the type of its message."""
_SO_RCVBUFFORCE = 33
_TIMESPEC = struct.Struct("@qq")
_ANCILLARY_BYTES = socket.CMSG_SPACE(_TIMESPEC.size) if hasattr(socket, "CMSG_SPACE") else 0
_SO_MEMINFO = 55
_MEMINFO = struct.Struct("@9I")
_DROPS = 8
"""Place of the dropped datagrams in the socket's memory information (`linux/sock_diag.h`)."""
BUFFER_BYTES = 1 << 20
"""Receive buffer that is asked for. Linux doubles it and counts some 830 bytes for a packet of
Opus, so that it holds 2,500: 50 s of one speaker. Where `net.core.rmem_max` is Linux' default, it
holds 10 s, unless the process has CAP_NET_ADMIN."""
_STEPPED_S = 0.05
"""Change of the wall clock against the event loop's, from which it was stepped."""

Stamped = tuple[bytes, object, float | None]
"""A datagram, its sender's address, and its arrival in seconds of wall time, if it is known."""


def prepare_socket(sock: socket.socket) -> None:
    """Enlarge the socket's receive buffer, and have the kernel note arrivals, as far as it can."""
    with contextlib.suppress(OSError, AttributeError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        if sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) < BUFFER_BYTES:
            sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, BUFFER_BYTES)
    with contextlib.suppress(OSError, AttributeError):
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)


def receive_stamped(sock: socket.socket, size: int) -> Stamped:
    """Receive a datagram with its arrival. Raises as `socket.recvmsg`."""
    data, ancillary, _, address = sock.recvmsg(size, _ANCILLARY_BYTES)
    for level, kind, value in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS) and len(value) == _TIMESPEC.size:
            seconds, nanoseconds = _TIMESPEC.unpack(value)
            return data, address, seconds + nanoseconds * 1e-9
    return data, address, None


def count_dropped(sock: socket.socket) -> int:
    """Return the datagrams that found the receive buffer full; 0 where Linux does not say."""
    try:
        return int(
            _MEMINFO.unpack(sock.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size))[_DROPS]
        )
    except (OSError, struct.error):
        return 0


class ArrivalClock:
    """Converts arrivals from wall time to the event loop's time.

    Args:
        wall_s: Wall time in seconds, as the kernel's stamps have it.
    """

    def __init__(self, wall_s: Callable[[], float] = time.time) -> None:
        self._wall_s = wall_s
        self._before_s: float | None = None  # wall time less loop time, when nothing waited
        self._now_s = 0.0  # the same, now

    def note_empty(self, now_s: float) -> None:
        """Note that nothing waits at `now_s`, in the event loop's time."""
        self._before_s = self._wall_s() - now_s

    def begin_reading(self, now_s: float) -> None:
        """Compare the clocks before stamped datagrams are read."""
        self._now_s = self._wall_s() - now_s

    def arrival_s(self, stamp: float | None, earliest_s: float, latest_s: float) -> float:
        """Return the event loop's time of an arrival.

        Args:
            stamp: Arrival in wall time; None: unknown.
            earliest_s, latest_s: Bounds that are known for certain. They also hold where the wall
                clock was stepped meanwhile.
        """
        if stamp is None:
            return latest_s
        before_s = self._now_s if self._before_s is None else self._before_s
        arrived_s = stamp - before_s
        if abs(self._now_s - before_s) > _STEPPED_S and not earliest_s <= arrived_s <= latest_s:
            arrived_s = stamp - self._now_s  # it came after the step
        return min(max(arrived_s, earliest_s), latest_s)
