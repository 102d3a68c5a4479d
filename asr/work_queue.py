"""The seam between listening and recognition: utterances in, transcripts out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from asr.ladder import Rung
from asr.speech import Transcript, Unheard, Utterance


class WorkQueue(Protocol):
    """Bounded: when full, the oldest waiting utterance leaves as `Unheard`, never in silence."""

    def put(self, utterance: Utterance) -> None:
        """Never blocks. Every utterance put comes out of `results` exactly once."""
        ...

    def results(self) -> AsyncIterator[Transcript | Unheard]:
        """In the order in which they are finished; ends when the queue is closed and empty."""
        ...

    @property
    def rung(self) -> Rung:
        """What is being done about overload."""
        ...

    def waiting(self) -> int:
        """Utterances not yet given to the model."""
        ...
