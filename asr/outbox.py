"""What waits in this process for its way to the workers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import chain

from asr.scheduler import Scheduler, SchedulerSettings
from asr.speech import LOOKS, Utterance, WorkClass


class Outbox:
    """What is most urgent goes first, and rooms take turns, by the scheduler's own policy: all but
    the deadlines, of which others know more. Looks at speech that goes on wait apart, so that they
    never stand in the way of an end. Not for two threads."""

    def __init__(self) -> None:
        settings = SchedulerSettings(batch_size=1, deadline_s=math.inf, look_share=1.0)
        self._ends = Scheduler(settings, now_s=0.0)
        self._looks = Scheduler(settings, now_s=0.0)

    def __len__(self) -> int:
        return len(self._ends) + len(self._looks)

    def put(self, utterance: Utterance, now_s: float, capacity: int) -> Utterance | None:
        """What had to leave for it: the least urgent, perhaps this one."""
        self.put_back(utterance, now_s)
        if len(self) <= capacity:
            return None
        return (self._looks if len(self._looks) else self._ends).drop_least()

    def put_back(self, utterance: Utterance, now_s: float) -> None:
        """It was on its way already, and takes nobody's place."""
        self._of(utterance).add(utterance, now_s)

    def take(self, now_s: float, *, looks: bool) -> Utterance | None:
        """The next to go, of the looks or of the ends."""
        turns = self._looks if looks else self._ends
        batch, _ = turns.take(now_s)
        if batch is None:
            return None
        turns.done(batch, now_s)  # turns are counted in utterances
        return batch.utterances[0]

    def remove(self, utterance: Utterance) -> None:
        """Nothing where it is gone already."""
        self._of(utterance).withdraw(utterance)

    def waiting(self) -> Counter[WorkClass]:
        """How many, by class."""
        return Counter(one.work for one, _ in self._all())

    def behind_s(self, now_s: float) -> Mapping[WorkClass, float]:
        """For how long the oldest of a class has waited."""
        behind_s: dict[WorkClass, float] = {}
        for one, put_s in self._all():
            behind_s[one.work] = max(now_s - put_s, behind_s.get(one.work, 0.0))
        return behind_s

    def _of(self, utterance: Utterance) -> Scheduler:
        return self._looks if utterance.work in LOOKS else self._ends

    def _all(self) -> Iterator[tuple[Utterance, float]]:
        return chain(self._ends.waiting(), self._looks.waiting())
