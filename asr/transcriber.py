"""The seam between the queue and a model."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol, runtime_checkable

from asr.speech import Transcript, Utterance


class Effort(StrEnum):
    """How hard the model tries."""

    FULL = "full"
    """As the settings say."""
    FAST = "fast"
    """Greedy and once: for a moment of too much speech."""


class Transcriber(Protocol):
    """Turns utterances into transcripts. May block.

    Called from one thread at a time, unless a queue was told that it has several lanes.
    """

    @property
    def model(self) -> str:
        """Name for people and for `Transcript.model`."""
        ...

    def describe(self) -> str:
        """Where and how it runs, such as `cpu, int8`."""
        ...

    def transcribe(self, batch: Sequence[Utterance]) -> list[Transcript]:
        """One transcript for each utterance, in order.

        Raises:
            TranscriptionFailed: nothing in the batch could be transcribed.
        """
        ...


@runtime_checkable
class WindowedTranscriber(Transcriber, Protocol):
    """A transcriber whose queue may group by window, and ask for less in a busy moment."""

    def window_of(self, duration_ms: int) -> int:
        """Frames of 10 ms of the window for so much sound; a batch of one length is best."""
        ...

    def transcribe(
        self,
        batch: Sequence[Utterance],
        *,
        effort: Effort = Effort.FULL,
        coalesce: bool = False,
    ) -> list[Transcript]:
        """As `Transcriber.transcribe`.

        With `coalesce`, utterances of one speaker share the window that the longest has anyway;
        each gets its own transcript.
        """
        ...


class TranscriptionFailed(Exception):
    """The model refused a batch. Carries no speech."""
