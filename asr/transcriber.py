"""Port between the work queue and a model."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol, runtime_checkable

from asr.speech import Transcript, Utterance


class Effort(StrEnum):
    """Effort that the model makes for a batch."""

    FULL = "full"
    """Beam and further readings of the settings."""
    FAST = "fast"
    """Greedy and without further readings, under overload."""


class Transcriber(Protocol):
    """Turns utterances into transcripts. May block.

    It is called from one thread at a time, unless its queue has several lanes.
    """

    @property
    def model(self) -> str:
        """Name of the model, as in `Transcript.model`."""
        ...

    def describe(self) -> str:
        """Return device and compute type, such as `cpu, int8`."""
        ...

    def transcribe(self, batch: Sequence[Utterance]) -> list[Transcript]:
        """Return one transcript for each utterance, in order.

        Raises:
            TranscriptionFailed: The model refuses the batch.
        """
        ...


@runtime_checkable
class WindowedTranscriber(Transcriber, Protocol):
    """A transcriber with windows of several lengths, and options for overload."""

    def window_frames(self, duration_ms: int) -> int:
        """Return the length of the window for this much sound, in frames of 10 ms.

        A batch of windows of one length is the cheapest.
        """
        ...

    def transcribe(
        self,
        batch: Sequence[Utterance],
        *,
        effort: Effort = Effort.FULL,
        coalesce: bool = False,
    ) -> list[Transcript]:
        """Return one transcript for each utterance, like `Transcriber.transcribe`.

        Args:
            coalesce: Let utterances of one speaker share the window that the longest needs. Each
                still gets its own transcript.
        """
        ...


class TranscriptionFailed(Exception):
    """The model refused a batch. The text contains no speech."""
