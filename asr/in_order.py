"""A speaker's results in the order in which their utterances were taken. Pure.

Whoever reads them needs it: the parts of unbroken speech are joined one to the next, and a look
says nothing once a newer one is there. Lanes end their batches when they end.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from asr.speech import Transcript, Unheard, Utterance


@dataclass(slots=True)
class _Taken:
    utterance: Utterance
    result: Transcript | Unheard | None = None


class InOrder:
    """Holds a result back until those before it are there. Not for two threads at once."""

    def __init__(self) -> None:
        self._taken: dict[tuple[str, str], deque[_Taken]] = {}

    def take(self, utterances: Iterable[Utterance]) -> None:
        """These are being transcribed now."""
        for one in utterances:
            self._taken.setdefault((one.room_id, one.speaker_id), deque()).append(_Taken(one))

    def done(
        self, found: Iterable[tuple[Utterance, Transcript | Unheard]]
    ) -> list[Transcript | Unheard]:
        """What may be given out now that these are there."""
        ready: list[Transcript | Unheard] = []
        for utterance, result in found:
            key = (utterance.room_id, utterance.speaker_id)
            taken = self._taken[key]
            next(each for each in taken if each.utterance is utterance).result = result
            while taken and (first := taken[0].result) is not None:
                ready.append(first)
                taken.popleft()
            if not taken:
                del self._taken[key]
        return ready
