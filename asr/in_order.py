"""A speaker's results in the order in which their utterances were taken. Pure.

Whoever reads them needs it: the parts of unbroken speech are joined one to the next, and a look
says nothing once a newer one is there. Lanes end their batches when they end, and workers are of
different speeds.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass

from asr.speech import Transcript, Unheard, Utterance


@dataclass(slots=True)
class _Taken:
    utterance: Utterance
    result: Transcript | Unheard | None = None
    since_s: float = 0.0
    passed: bool = False
    """Those behind it have waited for long enough."""


def speaker_of(utterance: Utterance) -> Hashable:
    return utterance.room_id, utterance.speaker_id


class InOrder:
    """Holds a result back until those before it are there. Not for two threads at once.

    Args:
        line_of: Those of one line come out in order.
    """

    def __init__(self, line_of: Callable[[Utterance], Hashable] = speaker_of) -> None:
        self._line_of = line_of
        self._taken: dict[Hashable, list[_Taken]] = {}

    def take(self, utterances: Iterable[Utterance]) -> None:
        """These are being transcribed now."""
        for one in utterances:
            self._taken.setdefault(self._line_of(one), []).append(_Taken(one))

    def done(
        self, found: Iterable[tuple[Utterance, Transcript | Unheard]], now_s: float = 0.0
    ) -> list[Transcript | Unheard]:
        """What may be given out now that these are there."""
        ready: list[Transcript | Unheard] = []
        for utterance, result in found:
            line = self._line_of(utterance)
            one = next(each for each in self._taken[line] if each.utterance is utterance)
            one.result, one.since_s = result, now_s
            ready += self._ready(line)
        return ready

    def overdue(self, since_s: float) -> list[Transcript | Unheard]:
        """What has been held back since then, or longer. Nothing waits any more for those before
        it: they come out when they come."""
        ready: list[Transcript | Unheard] = []
        for line, taken in list(self._taken.items()):
            held = [each.result is not None and each.since_s <= since_s for each in taken]
            if any(held):
                for each in taken[: len(held) - held[::-1].index(True)]:
                    each.passed = True
                ready += self._ready(line)
        return ready

    def _ready(self, line: Hashable) -> list[Transcript | Unheard]:
        ready: list[Transcript | Unheard] = []
        left: list[_Taken] = []
        waits = False
        for each in self._taken.pop(line):
            if each.result is None or waits:
                left.append(each)
                waits = waits or not each.passed
            else:
                ready.append(each.result)
        if left:
            self._taken[line] = left
        return ready
