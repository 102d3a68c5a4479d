"""Reorder window: puts a track's packets back into order and waits a little for late ones.

Pure: time is an argument, in monotonic seconds. The window is measured in the spirit of RFC 3550:
long enough for Wi-Fi jitter, short enough not to be felt in an alert's latency.
"""

from __future__ import annotations

from dataclasses import dataclass

from service.listening.packet import Packet

_SEQUENCES = 1 << 16
_RESYNC = 3_000
"""Jump ahead, in packets, that begins a new stream (one minute); a smaller one is a loss. A larger
one is a loss too if nothing has arrived for as long as it takes to send these packets."""
_MOST_PER_S = 250.0
"""Most packets per second of a working sender."""
_MISORDER = 100
"""Jump back, in packets, after which two packets in a row begin a new stream (RFC 3550, A.1). Two
packets in a row from another source (SSRC) do as well."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A number of packets that did not come in time."""

    count: int


class Reorder:
    """Reorder window of one track.

    Args:
        window_s: Longest wait for a packet once a later one is here, in seconds.
        capacity: Packets held at most; beyond it, missing packets are given up at once.
    """

    def __init__(self, *, window_s: float = 0.08, capacity: int = 50) -> None:
        self._window_s = window_s
        self._capacity = capacity
        self._next: int | None = None
        self._ssrc = 0
        self._held: dict[int, Packet] = {}
        self._arrived_s = 0.0  # arrival of the last packet
        self._stray: Packet | None = None  # the first packet of what may be a new stream
        self.late = 0
        self.duplicate = 0

    @property
    def held_bytes(self) -> int:
        """Bytes of the packets that wait for their turn; `capacity` bounds it."""
        return sum(len(packet.payload) for packet in self._held.values())

    def push(self, packet: Packet) -> list[Packet | Missing]:
        """Add a packet; return the packets and losses that can be played now, in order."""
        number = self._unwrap(packet.sequence)
        quiet_s, self._arrived_s = packet.arrived_s - self._arrived_s, packet.arrived_s
        if number == self._next and packet.ssrc == self._ssrc and not self._held:
            self._next = number + 1
            return [packet]
        if self._next is not None and packet.ssrc != self._ssrc:
            return self._from_far_back(number, packet)
        if self._next is None or number - self._next > _RESYNC + max(0.0, quiet_s) * _MOST_PER_S:
            return self._begin_anew(number, [packet])
        if number < self._next - _MISORDER:
            return self._from_far_back(number, packet)
        if number < self._next:
            self.late += 1
            return []
        if number in self._held:
            self.duplicate += 1
            return []
        self._held[number] = packet
        played = self._ready()
        if len(self._held) > self._capacity:
            played += self._give_up_one()
        return played

    def expire(self, now_s: float) -> list[Packet | Missing]:
        """Return the packets that have waited for `window_s`, after what is missing before them."""
        played: list[Packet | Missing] = []
        while self._held and now_s - self._oldest_arrival() >= self._window_s:
            played += self._give_up_one()
        return played

    def _begin_anew(self, number: int, packets: list[Packet]) -> list[Packet | Missing]:
        played = self._give_up_all()
        self._next = number + 1
        self._ssrc = packets[-1].ssrc
        self._stray = None
        return [*played, *packets]

    def _from_far_back(self, number: int, packet: Packet) -> list[Packet | Missing]:
        """Handle a packet of an earlier time or another source: two in a row begin a new stream."""
        before, self._stray = self._stray, packet
        if before is not None and _follows(packet, before):
            self.late -= 1
            return self._begin_anew(number, [before, packet])
        self.late += 1
        return []

    def _oldest_arrival(self) -> float:
        return min(packet.arrived_s for packet in self._held.values())

    def _ready(self) -> list[Packet | Missing]:
        ready: list[Packet | Missing] = []
        assert self._next is not None
        while self._next in self._held:
            ready.append(self._held.pop(self._next))
            self._next += 1
        return ready

    def _give_up_one(self) -> list[Packet | Missing]:
        first = min(self._held)
        assert self._next is not None
        missing = Missing(first - self._next)
        self._next = first
        return [missing, *self._ready()]

    def _give_up_all(self) -> list[Packet | Missing]:
        played: list[Packet | Missing] = []
        while self._held:
            played += self._give_up_one()
        return played

    def _unwrap(self, sequence: int) -> int:
        """Return the number nearest to the next one that equals `sequence` modulo 65536."""
        if self._next is None:
            return sequence
        ahead = (sequence - self._next) % _SEQUENCES
        return self._next + (ahead if ahead < _SEQUENCES // 2 else ahead - _SEQUENCES)


def _follows(packet: Packet, before: Packet) -> bool:
    step = (packet.sequence - before.sequence) % _SEQUENCES
    return step == 1 and packet.ssrc == before.ssrc
