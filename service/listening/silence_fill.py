"""Silence that stands in for sound that does not come: from when, and how much. Pure."""

from __future__ import annotations

from asr.speech import SAMPLE_RATE
from service.listening.vad import FRAME_MS

HOLD_S = 0.18
"""Time without sound after which silence is filled in (the reorder window and some jitter). It is
shorter than the shortest closing silence, so that the wait delays no utterance."""
_HOLD_IN_WORD_S = 0.54
"""The same where sound stops in the middle of a word. An encoder sends 200 ms of silence before it
sends nothing, so the rest of the word is probably late: a busy machine, bad Wi-Fi. Filled-in
silence would tear the word. After this time the whole wait is filled in at once. With `_LAG_S` it
is as long as the closing silence: an utterance whose end never arrives is given out no later."""
_LAG_S = 0.04
"""Distance of the filled-in silence from the wall clock."""


def is_filled(silent_s: float, *, in_word: bool) -> bool:
    """Return whether silence is filled in after so much time without sound.

    Args:
        in_word: Whether the last sound is speech without a pause after it.
    """
    return silent_s >= (_HOLD_IN_WORD_S if in_word else HOLD_S)


def silence_due(silent_s: float, filled: int) -> int:
    """Return the samples of silence to fill in now; 0 for less than a frame.

    Args:
        filled: Samples filled in since the last sound.
    """
    due = int((silent_s - _LAG_S) * SAMPLE_RATE) - filled
    return due if due >= SAMPLE_RATE * FRAME_MS // 1000 else 0
