"""How much sound the model is given at once, whatever the utterance's length.

Stock Whisper models know only windows of 30 s. A model that was trained for shorter ones says so in
`earshot.json` beside its `model.bin`:

    {"dynamic_context": {"frames": [500, 1000, 1500], "margin_ms": 200,
                         "canary": "canary.wav", "words": "what is said in canary.wav"}}

`frames` are the windows' lengths, of 10 ms each; `margin_ms` is what must be left of the window
after an utterance; `canary` is a clip of 16 kHz mono int16. The declaration is believed only if
the model hears these words in the shortest window, in every other and in 30 s (`canary_fails`).
"""

from __future__ import annotations

import json
import wave
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asr.models import ModelUnavailable
from asr.speech import SAMPLE_RATE

FULL = 3_000
"""Frames of 10 ms in Whisper's own window."""
_SHORTEST = 100
DECLARATION = "earshot.json"


@dataclass(frozen=True, slots=True)
class Windows:
    """The lengths that windows may have, in frames of 10 ms, the shortest first.

    They are fixed: an utterance gets the same window, and so the same words, in any company.
    """

    buckets: Sequence[int] = (FULL,)
    margin_ms: int = 0

    def holding(self, duration_ms: int) -> int:
        """The shortest window for so much sound and the margin."""
        frames = -(-(duration_ms + self.margin_ms) // 10)
        at = bisect_left(self.buckets, frames)
        return self.buckets[at] if at < len(self.buckets) else FULL


@dataclass(frozen=True, slots=True)
class DynamicContext:
    """What a model declares."""

    frames: Sequence[int]
    margin_ms: int
    canary: bytes
    words: str

    @property
    def windows(self) -> Windows:
        return Windows((*self.frames, FULL), self.margin_ms)


def declared(directory: Path) -> DynamicContext | None:
    """What the model in this directory declares; None: nothing.

    Raises:
        ModelUnavailable: the declaration is there but cannot be understood.
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
        return _understood(content["dynamic_context"], directory)
    except (OSError, EOFError, wave.Error, ValueError, KeyError, TypeError) as error:
        raise ModelUnavailable(
            f"{path} is no declaration of dynamic context ({type(error).__name__}: {error}); "
            "correct it, or remove it to use windows of 30 s"
        ) from error


def canary_fails(context: DynamicContext, hear: Callable[[bytes, int], str]) -> str | None:
    """Why the model does not bear the windows that it declares; None: it does.

    `hear` gives the words of samples in a window of so many frames.
    """
    for frames in (FULL, *context.frames):
        if hear(context.canary, frames) != context.words:
            return f"it does not hear the canary's words in a window of {frames / 100:g} s"
    return None


def _understood(content: Any, directory: Path) -> DynamicContext:
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
    canary = _samples(directory / content["canary"])
    if len(canary) // 2 > frames[0] * SAMPLE_RATE // 100:
        raise ValueError("the canary is longer than the shortest window")
    if not words:
        raise ValueError("the canary says something")
    return DynamicContext(frames, margin_ms, canary, words)


def _samples(path: Path) -> bytes:
    with wave.open(str(path), "rb") as file:
        if (file.getframerate(), file.getnchannels(), file.getsampwidth()) != (SAMPLE_RATE, 1, 2):
            raise ValueError("the canary is 16 kHz mono int16")
        return file.readframes(FULL * SAMPLE_RATE // 100)
