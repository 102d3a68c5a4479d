"""A speaker's packets on a simulated network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache

import numpy as np

from service.listening.levels import dbfs
from service.listening.packet import Packet
from service.simulation.voice import FRAME as FRAME_48K
from service.simulation.voice import VoicePacket
from tests.listening.sound import clip_48k, encode, silence

START = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)
"""Wall time of second 0 of every test, which is 1000 on the monotonic clock."""
NETWORK_S = 0.03
CLIP = "trudy-insult.opus"


def arrivals(
    sent: Sequence[VoicePacket],
    *,
    sequence: int = 100,
    timestamp: int = 5_000,
    delay_s: Callable[[int, float], float] = lambda number, at_s: NETWORK_S,
) -> list[Packet]:
    """Return the packets as they arrive.

    Args:
        delay_s: Returns a packet's delay, given its number and the second at which it was spoken.
    """
    packets = []
    for number, packet in enumerate(sent):
        spoken_s = packet.pts / 48_000 + 0.02
        packets.append(
            Packet(
                sequence=(sequence + number) % (1 << 16),
                timestamp=(timestamp + packet.pts) % (1 << 32),
                level=None,
                payload=packet.payload,
                arrived_s=1_000.0 + spoken_s + delay_s(number, spoken_s),
            )
        )
    return sorted(packets, key=lambda packet: packet.arrived_s)


@cache
def talk(*at_s: float, until_s: float, clip: str = CLIP) -> tuple[VoicePacket, ...]:
    """Return the packets of a speaker who says the same at each of these seconds."""
    sound = silence(until_s)
    for second in at_s:
        said = clip_48k(clip)
        sound[round(second * 48_000) : round(second * 48_000) + len(said)] = said
    return tuple(encode(sound))


@cache
def monologue(until_s: float) -> tuple[VoicePacket, ...]:
    said = clip_48k(CLIP)
    loud_part = said[9_600:-9_600]
    times = int(until_s * 48_000) // len(loud_part)
    return tuple(encode(np.concatenate([silence(0.5), np.tile(loud_part, times)])))


@cache
def an_open_microphone(
    *at_s: float, until_s: float
) -> tuple[tuple[VoicePacket, ...], tuple[int, ...]]:
    """Return packets and their true levels, of a speaker in a room that is never quite silent.

    The noise makes the encoder send every packet.
    """
    sound = np.random.default_rng(1).integers(-40, 41, round(until_s * 48_000))
    for second in at_s:
        said = clip_48k(CLIP)
        sound[round(second * 48_000) :][: len(said)] += said
    heard = np.clip(sound, -32768, 32767).astype(np.int16)
    sent = encode(heard)
    levels = (round(-dbfs(heard[packet.pts : packet.pts + FRAME_48K].tobytes())) for packet in sent)
    return tuple(sent), tuple(max(0, min(127, level)) for level in levels)
