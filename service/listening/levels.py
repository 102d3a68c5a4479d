"""Level of sound, in decibels below full scale (dBFS)."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np

FLOOR_DBFS = -100.0
"""Level of digital silence, and the lowest level."""


@functools.lru_cache(maxsize=1)  # ear, detector and segmenter ask about one frame in turn
def dbfs(pcm: bytes) -> float:
    """Return the root mean square of int16 samples in dBFS, `FLOOR_DBFS` at least."""
    if not pcm:
        return FLOOR_DBFS
    samples = np.frombuffer(pcm, np.int16).astype(np.float32)
    mean_square = float(np.dot(samples, samples)) / len(samples)
    if mean_square <= 0:
        return FLOOR_DBFS
    return max(FLOOR_DBFS, 10 * math.log10(mean_square / 32768.0**2))


def quietest(frames: Sequence[bytes]) -> int:
    """Return the index of the middle frame of the deepest dip of three.

    Args:
        frames: int16 samples, all frames of the same length.
    """
    samples = np.frombuffer(b"".join(frames), np.int16).reshape(len(frames), -1)
    power = np.square(samples, dtype=np.float32).mean(axis=1)
    faintest = 32768.0**2 * 10 ** (FLOOR_DBFS / 10)
    levels = np.log10(np.maximum(power, faintest))
    return 1 + int(np.argmin(levels[:-2] + levels[1:-1] + levels[2:]))
