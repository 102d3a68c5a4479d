"""The seam between the queue and a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from asr.speech import Transcript, Utterance


class Transcriber(Protocol):
    """Turns utterances into transcripts. Called from one thread only; may block."""

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


class TranscriptionFailed(Exception):
    """The model refused a batch. Carries no speech."""
