"""Lengths of the windows of sound that the model gets.

Stock Whisper models know only windows of 30 s. A model that was trained for shorter ones declares
them in `earshot.json` beside its `model.bin`:

    {"dynamic_context": {"frames": [500, 1000, 1500], "margin_ms": 200,
                         "canary": "canary.wav", "words": "what is said in canary.wav"}}

`frames` are the windows' lengths in frames of 10 ms; `margin_ms` must be left of the window after
an utterance; `canary` is a clip of 16 kHz mono int16. The declaration counts only if the model
writes these words for the clip in every window, from the shortest to 30 s (`find_canary_failure`).
"""

from __future__ import annotations

import json
import wave
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asr.limits import LONGEST_UTTERANCE_S
from asr.models import ModelUnavailable
from asr.speech import SAMPLE_RATE

FULL = LONGEST_UTTERANCE_S * 100
"""Length of Whisper's own window, in frames of 10 ms."""
_SHORTEST = 100
"""Length of the shortest window that may be declared, in frames."""
DECLARATION = "earshot.json"


@dataclass(frozen=True, slots=True)
class Windows:
    """Allowed lengths of windows, in frames of 10 ms, the shortest first.

    They are fixed, so that an utterance gets the same window, and the same words, in every batch.
    """

    buckets: Sequence[int] = (FULL,)
    margin_ms: int = 0

    def shortest_holding(self, duration_ms: int) -> int:
        """Return the shortest window that holds this much sound and the margin."""
        frames = -(-(duration_ms + self.margin_ms) // 10)
        at = bisect_left(self.buckets, frames)
        return self.buckets[at] if at < len(self.buckets) else FULL


@dataclass(frozen=True, slots=True)
class DynamicContext:
    """Declaration of a model."""

    frames: Sequence[int]
    margin_ms: int
    canary: bytes
    words: str

    @property
    def windows(self) -> Windows:
        return Windows((*self.frames, FULL), self.margin_ms)


def read_declaration(directory: Path) -> DynamicContext | None:
    """Return the declaration of the model in this directory; None: there is none.

    Raises:
        ModelUnavailable: The declaration is invalid.
    """
    path = directory / DECLARATION
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text("utf-8"))
        if not isinstance(content, dict):
            raise ValueError("it is no object")
        if "dynamic_context" not in content:
            return None
        return _parse_declaration(content["dynamic_context"], directory)
    except (OSError, EOFError, wave.Error, ValueError, KeyError, TypeError) as error:
        raise ModelUnavailable(
            f"{path} is no declaration of dynamic context ({type(error).__name__}: {error}); "
            "correct it, or remove it to use windows of 30 s"
        ) from error


def find_canary_failure(
    context: DynamicContext, transcribe: Callable[[bytes, int], str]
) -> str | None:
    """Return why the model cannot be trusted with its declared windows; None: it can.

    Args:
        transcribe: Returns the words of samples in a window of this many frames.
    """
    for frames in (FULL, *context.frames):
        if transcribe(context.canary, frames) != context.words:
            return f"it does not hear the canary's words in a window of {frames / 100:g} s"
    return None


def _parse_declaration(content: Any, directory: Path) -> DynamicContext:
    frames = tuple(content["frames"])
    margin_ms, words = content.get("margin_ms", 0), content["words"]
    if not all(type(each) is int for each in (*frames, margin_ms)) or type(words) is not str:
        raise ValueError("frames and margin_ms are whole numbers, words is text")
    if not frames or list(frames) != sorted(set(frames)):
        raise ValueError("frames ascend, and there is one at least")
    if not (_SHORTEST <= frames[0] and frames[-1] < FULL and 0 <= margin_ms < 10 * FULL):
        raise ValueError(f"frames lie between {_SHORTEST} and {FULL}")
    if any(each % 2 for each in frames):
        raise ValueError("frames are even: the encoder halves them")
    canary = _read_samples(directory / content["canary"])
    if len(canary) // 2 > frames[0] * SAMPLE_RATE // 100:
        raise ValueError("the canary is longer than the shortest window")
    if not words:
        raise ValueError("the canary says something")
    return DynamicContext(frames, margin_ms, canary, words)


def _read_samples(path: Path) -> bytes:
    with wave.open(str(path), "rb") as file:
        if (file.getframerate(), file.getnchannels(), file.getsampwidth()) != (SAMPLE_RATE, 1, 2):
            raise ValueError("the canary is 16 kHz mono int16")
        return file.readframes(FULL * SAMPLE_RATE // 100)
