"""Port of a speech detector: how likely short windows of sound are speech."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from asr.speech import SAMPLE_RATE

WINDOW_MS = 32
WINDOW_BYTES = 2 * SAMPLE_RATE * WINDOW_MS // 1000


class Likelihood(Protocol):
    """A detector's state for one track. It may remember what it has heard: music that goes on
    deceives only a detector that hears it for the first time."""

    def __call__(self, pcm: bytes, *, again: bool = False) -> Sequence[float]:
        """Return how likely each of these whole windows is speech, from 0 to 1.

        Args:
            again: As if the last call had not been: what it heard comes again, with more before it.
        """
        ...
