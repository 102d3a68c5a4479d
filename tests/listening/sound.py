"""Sound for the tests of listening: synthetic or from the shipped clips, as samples or packets."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from asr.speech import SAMPLE_RATE
from service.listening.levels import dbfs
from service.listening.vad import FRAME_BYTES
from service.simulation.script import DEMO_SCRIPT
from service.simulation.voice import FRAME as FRAME_48K
from service.simulation.voice import Microphone, VoicePacket, read_clip, resample

CLIPS = DEMO_SCRIPT.parent
FRAME = FRAME_BYTES // 2
"""Samples in a frame of 20 ms at 16 kHz."""
Run = tuple[bool, int]
"""Loud or quiet, and the number of frames."""


def loud(frame: bytes) -> bool:
    """Detect voice by level alone, without memory."""
    return dbfs(frame) >= -40.0


def frames_of(runs: Sequence[Run], seed: int = 0) -> bytes:
    """Return int16 samples at 16 kHz. No two frames are alike, so a frame identifies its place."""
    noise = np.random.default_rng(seed)
    pieces = []
    for is_loud, count in runs:
        level = 4_000 if is_loud else 20
        envelope = np.repeat(noise.uniform(0.5, 1.0, count), FRAME)
        pieces.append(noise.uniform(-level, level, count * FRAME) * envelope)
    return np.concatenate([np.zeros(0), *pieces]).astype(np.int16).tobytes()


@cache
def clip_16k(name: str) -> bytes:
    """Return a shipped clip as int16 samples at 16 kHz."""
    return resample(read_clip(CLIPS / name), 48_000, SAMPLE_RATE).tobytes()


@cache
def clip_48k(name: str) -> NDArray[np.int16]:
    return read_clip(CLIPS / name)


def encode(pcm: NDArray[np.int16]) -> list[VoicePacket]:
    """Encode mono samples at 48 kHz as a browser does, with FEC and DTX."""
    microphone = Microphone()
    filled = np.pad(pcm, (0, -len(pcm) % FRAME_48K))
    sent = [microphone.push(filled[at : at + FRAME_48K]) for at in range(0, len(filled), FRAME_48K)]
    return [packet for packet in sent if packet is not None]


def silence(seconds: float) -> NDArray[np.int16]:
    return np.zeros(round(seconds * 48_000), np.int16)


def likeness(one: bytes, other: bytes) -> float:
    """Return the best correlation of the two within a shift of 40 ms; 1: identical."""
    a, b = (np.frombuffer(pcm, np.int16).astype(np.float64) for pcm in (one, other))
    size, most = min(len(a), len(b)), 640
    return max(
        float(np.corrcoef(a[most : size - most], b[most + lag : size - most + lag])[0, 1])
        for lag in range(-most, most, 2)
    )
