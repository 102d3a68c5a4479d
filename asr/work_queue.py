"""Port between listening and recognition: utterances in, transcripts out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from asr.overload_ladder import Rung
from asr.speech import Transcript, Unheard, Utterance


class WorkQueue(Protocol):
    """Bounded queue of utterances for a transcriber.

    When it is full, the oldest waiting utterance leaves as `Unheard`; none leaves unreported.
    """

    def put(self, utterance: Utterance) -> None:
        """Add an utterance, without blocking. It comes out of `results` exactly once."""
        ...

    def results(self) -> AsyncIterator[Transcript | Unheard]:
        """Yield results as they are finished, until the queue is closed and empty."""
        ...

    @property
    def rung(self) -> Rung:
        """Current step of the overload ladder."""
        ...

    def waiting(self) -> int:
        """Count the utterances that the model has not been given yet."""
        ...
