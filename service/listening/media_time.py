"""Media time of one track: the time between packets, as their sender counts it. Pure."""

from __future__ import annotations

from service.listening.packet import Packet

_CLOCK_RATIO = 3
"""RTP's Opus clock (48 kHz, RFC 7587) over ours (16 kHz)."""


class MediaTime:
    """Follows the RTP timestamps of a track."""

    def __init__(self) -> None:
        self._next_timestamp: int | None = None
        self._ssrc = 0  # source of the last packet, to whose clock `_next_timestamp` belongs

    def advance(self, packet: Packet, samples: int) -> None:
        """Go on to the end of a packet.

        Args:
            samples: Samples in it, at 16 kHz.
        """
        self._next_timestamp = (packet.timestamp + samples * _CLOCK_RATIO) % (1 << 32)
        self._ssrc = packet.ssrc

    def hole_before(self, packet: Packet) -> int | None:
        """Return the media time since the packet before, in samples; None where it restarts."""
        if self._next_timestamp is None or packet.ssrc != self._ssrc:
            return None
        ahead = (packet.timestamp - self._next_timestamp) % (1 << 32)
        if ahead >= 1 << 31:  # media time went back: the sender restarted
            return None
        return ahead // _CLOCK_RATIO
