"""Packets of sound, and the port that receives them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Packet:
    """One RTP packet (RFC 3550) of one speaker's track, decrypted.

    Attributes:
        sequence: Sequence number: 16 bits, wraps.
        timestamp: Media time: 48 kHz clock, 32 bits, wraps.
        level: Declared loudness (RFC 6464) in dB below full scale (0 to 127), None where not sent.
            The client's own word.
        payload: One Opus packet (RFC 7587), never empty.
        arrived_s: Time of arrival, in monotonic seconds.
        ssrc: Number of the source in its RTP session (RFC 3550).
    """

    sequence: int
    timestamp: int
    level: int | None
    payload: bytes
    arrived_s: float
    ssrc: int = 0


class PacketSink(Protocol):
    """Receiver of packets as they arrive, on the event loop; must return at once."""

    def push(self, room_id: str, speaker_id: str, packet: Packet) -> None: ...
