"""Results of a speaker in the order of the utterances. Pure.

Readers need this order: they join the parts of unbroken speech one to the next, and an interim
transcript is worthless once a newer one is there. Without it, results would come in the order in
which batches end, and workers differ in speed.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass

from asr.speech import Transcript, Unheard, Utterance


@dataclass(slots=True)
class _Expected:
    """An utterance that is being transcribed.

    Attributes:
        since_s: Time at which its result came.
        passed: Later results no longer wait for this one.
    """

    utterance: Utterance
    result: Transcript | Unheard | None = None
    since_s: float = 0.0
    passed: bool = False


def speaker_key(utterance: Utterance) -> Hashable:
    return utterance.room_id, utterance.speaker_id


class ResultOrder:
    """Buffer that holds a result back until those before it are there.

    Not safe for several threads at once.

    Args:
        key_of: Returns an utterance's key. Results with the same key come out in order.
    """

    def __init__(self, key_of: Callable[[Utterance], Hashable] = speaker_key) -> None:
        self._key_of = key_of
        self._expected: dict[Hashable, list[_Expected]] = {}

    def expect(self, utterances: Iterable[Utterance]) -> None:
        """Note utterances whose results will come, in their order."""
        for one in utterances:
            self._expected.setdefault(self._key_of(one), []).append(_Expected(one))

    def add_results(
        self, results: Iterable[tuple[Utterance, Transcript | Unheard]], now_s: float = 0.0
    ) -> list[Transcript | Unheard]:
        """Add results of expected utterances; return all that may go out now."""
        ready: list[Transcript | Unheard] = []
        for utterance, result in results:
            key = self._key_of(utterance)
            one = next(each for each in self._expected[key] if each.utterance is utterance)
            one.result, one.since_s = result, now_s
            ready += self._pop_ready(key)
        return ready

    def release_overdue(self, since_s: float) -> list[Transcript | Unheard]:
        """Return the results that came at `since_s` or earlier and are still held back.

        The missing results before them come out later, as soon as they are there.
        """
        ready: list[Transcript | Unheard] = []
        for key, expected in list(self._expected.items()):
            overdue = [each.result is not None and each.since_s <= since_s for each in expected]
            if any(overdue):
                for each in expected[: len(overdue) - overdue[::-1].index(True)]:
                    each.passed = True
                ready += self._pop_ready(key)
        return ready

    def _pop_ready(self, key: Hashable) -> list[Transcript | Unheard]:
        ready: list[Transcript | Unheard] = []
        left: list[_Expected] = []
        waits = False
        for each in self._expected.pop(key):
            if each.result is None or waits:
                left.append(each)
                waits = waits or not each.passed
            else:
                ready.append(each.result)
        if left:
            self._expected[key] = left
        return ready
