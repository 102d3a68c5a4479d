"""A packet of sound, and where packets go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Packet:
    """One RTP packet (RFC 3550) of one speaker's track, decrypted.

    Attributes:
        sequence: 16 bits, wraps.
        timestamp: 48 kHz media clock, 32 bits, wraps.
        level: Loudness by RFC 6464 in dB below full scale (0 to 127), None where not sent. The
            client's own word.
        payload: One Opus packet (RFC 7587); empty payloads are not passed on.
        arrived_s: Monotonic seconds.
        ssrc: The source's number in its RTP session (RFC 3550).
    """

    sequence: int
    timestamp: int
    level: int | None
    payload: bytes
    arrived_s: float
    ssrc: int = 0


class PacketSink(Protocol):
    """Takes packets as they arrive, on the event loop. Must return at once."""

    def push(self, room_id: str, speaker_id: str, packet: Packet) -> None: ...
