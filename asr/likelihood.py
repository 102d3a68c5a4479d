"""Port of a speech detector, which gives the likelihood of speech in short windows of sound."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from asr.speech import SAMPLE_RATE

WINDOW_MS = 32
WINDOW_BYTES = 2 * SAMPLE_RATE * WINDOW_MS // 1000

POSSIBLE = 0.2
"""Likelihood from which a window may be speech: short words, children and laughter often get no
more."""
PROOF = 2.0
"""Sum of likelihoods from which consecutive possible windows are speech: three sure windows, or a
quarter of a second of doubtful ones. The attack of a chord gets up to 1.5, and 0.24 s of a spoken
word at least 2.7."""


class Likelihood(Protocol):
    """A detector for one track. It may remember earlier sound: long music deceives only a detector
    without a memory."""

    def __call__(self, pcm: bytes, *, again: bool = False) -> Sequence[float]:
        """Return the likelihood of speech, 0 to 1, for each of these whole windows.

        Args:
            again: Undo the last call first: its sound is part of this call, with more before it.
        """
        ...
