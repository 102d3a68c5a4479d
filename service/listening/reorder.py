"""Puts a track's packets back in order, waiting a little for what is late.

Pure: time comes in as monotonic seconds. The window follows the measurements in RFC 3550's spirit:
long enough for Wi-Fi jitter, short enough not to be felt in an alert's latency.
"""

from __future__ import annotations

from dataclasses import dataclass

from service.listening.packet import Packet

_SEQUENCES = 1 << 16
_RESYNC = 3_000
"""A jump ahead of this many packets (one minute) is a new stream, not a loss."""
_MISORDER = 100
"""Two packets in a row from so far back are a new stream, not late ones (RFC 3550, A.1). So are
two from another source (SSRC)."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Packets that did not come in time."""

    count: int


class Reorder:
    """One track's window.

    Args:
        window_s: How long a packet may be waited for once a later one is here.
        capacity: Packets held at most; beyond it the missing ones are given up at once.
    """

    def __init__(self, *, window_s: float = 0.08, capacity: int = 50) -> None:
        self._window_s = window_s
        self._capacity = capacity
        self._next: int | None = None
        self._ssrc = 0
        self._held: dict[int, Packet] = {}
        self._strange: Packet | None = None
        self.late = 0
        self.duplicate = 0

    @property
    def held_bytes(self) -> int:
        """Of packets that wait for their turn; `capacity` bounds it."""
        return sum(len(packet.payload) for packet in self._held.values())

    def push(self, packet: Packet) -> list[Packet | Missing]:
        """What can be played now that this packet is here, in order."""
        number = self._unwrap(packet.sequence)
        if number == self._next and packet.ssrc == self._ssrc and not self._held:
            self._next = number + 1
            return [packet]
        if self._next is not None and packet.ssrc != self._ssrc:
            return self._from_far_back(number, packet)
        if self._next is None or number - self._next > _RESYNC:
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
        """What can be played because its turn has been waited for long enough."""
        played: list[Packet | Missing] = []
        while self._held and now_s - self._oldest_arrival() >= self._window_s:
            played += self._give_up_one()
        return played

    def _begin_anew(self, number: int, packets: list[Packet]) -> list[Packet | Missing]:
        played = self._give_up_all()
        self._next = number + 1
        self._ssrc = packets[-1].ssrc
        self._strange = None
        return [*played, *packets]

    def _from_far_back(self, number: int, packet: Packet) -> list[Packet | Missing]:
        """Also from another source, whose numbers say nothing of this one's."""
        before, self._strange = self._strange, packet
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
        """The number nearest to what is expected next that is this sequence modulo 65536."""
        if self._next is None:
            return sequence
        ahead = (sequence - self._next) % _SEQUENCES
        return self._next + (ahead if ahead < _SEQUENCES // 2 else ahead - _SEQUENCES)


def _follows(packet: Packet, before: Packet) -> bool:
    step = (packet.sequence - before.sequence) % _SEQUENCES
    return step == 1 and packet.ssrc == before.ssrc
