"""Packets of speakers who are not on record yet."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from service.listening.packet import Packet
from service.metrics import Metrics
from service.rooms.janus.lines import TrackId

_OLDEST_S = 1.0
_MOST_PACKETS = 5_000
"""Packets of a hundred speakers in a second."""


class EarlyPackets:
    """Holds the last second of packets until their speakers are on record."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._packets: deque[tuple[TrackId, Packet]] = deque(maxlen=_MOST_PACKETS)

    def hold(self, track: TrackId, packet: Packet) -> None:
        self._packets.append((track, packet))

    def release(self, push: Callable[[TrackId, Packet], None], now_s: float) -> None:
        """Push the packets of the last second. Older ones are already part of a speaker's gap.

        Args:
            now_s: Time on the event loop's clock.
        """
        packets = list(self._packets)
        self._packets.clear()
        for track, packet in packets:
            if now_s - packet.arrived_s < _OLDEST_S:
                push(track, packet)
            else:
                self._metrics.packets_of_nobody.inc()
