"""The overload ladder: steps by which less is done when transcription falls behind. Pure.

A rung is climbed when the predicted wait passes its limit. It is left, one rung at a time, once the
wait has stayed below half of the limit, so that a wait near the limit does not flutter. Rungs that
cost words need a wait that has been too long for a second: a few people who stop speaking at the
same moment do not count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum


class Rung(IntEnum):
    """Step of the ladder. Each rung includes those below it."""

    NONE = 0
    NO_LOOKS = 1
    """No interim transcripts, but for speakers with a recent hit. The name is part of the event
    `overload.changed`."""
    GREEDY = 2
    """Decoding without a beam."""
    COALESCE = 3
    """Waiting utterances of a speaker share a window."""
    LATE = 4
    """No step is left: utterances that are not begun by their deadline become gaps, as always, and
    such gaps are now likely."""


CLIMB_S = {Rung.NO_LOOKS: 1.0, Rung.GREEDY: 2.0, Rung.COALESCE: 3.0, Rung.LATE: 10.0}
"""Predicted wait above which each rung is climbed, in seconds."""
PATIENCE_S = 1.0
"""Time above the limit before a rung is climbed, from `Rung.GREEDY` on, in seconds."""
STAY_S = 2.0
"""Time below half of the limit before a rung is left, in seconds."""


@dataclass(frozen=True, slots=True)
class LadderTimes:
    """Times of the ladder, in seconds.

    Attributes:
        climb_s: Predicted wait above which each rung is climbed.
        patience_s: Time above that limit before the climb, from `Rung.GREEDY` on.
        stay_s: Time below half of the limit before a rung is left.
    """

    climb_s: Mapping[Rung, float] = field(default_factory=lambda: CLIMB_S)
    patience_s: float = PATIENCE_S
    stay_s: float = STAY_S


class Ladder:
    """Position on the ladder.

    Args:
        now_s: Current time in seconds, of any clock that only goes forward.
    """

    def __init__(self, now_s: float, times: LadderTimes | None = None) -> None:
        self._times = times or LadderTimes()
        self.rung = Rung.NONE
        self._low_since_s: float | None = None
        self._high_since_s: dict[Rung, float] = {}

    def update_rung(self, predicted_s: float, now_s: float) -> Rung:
        """Climb or descend for a predicted wait; return the new rung."""
        climbed = self._highest_due(predicted_s, now_s)
        if climbed > self.rung:
            self.rung, self._low_since_s = climbed, None
        elif self.rung is Rung.NONE or predicted_s > self._times.climb_s[self.rung] / 2:
            self._low_since_s = None
        elif self._low_since_s is None:
            self._low_since_s = now_s
        elif now_s - self._low_since_s >= self._times.stay_s:
            self.rung, self._low_since_s = Rung(self.rung - 1), now_s
        return self.rung

    def _highest_due(self, predicted_s: float, now_s: float) -> Rung:
        """Return the highest rung whose limit has been passed for long enough."""
        high = {rung for rung, limit in self._times.climb_s.items() if predicted_s > limit}
        self._high_since_s = {rung: self._high_since_s.get(rung, now_s) for rung in high}
        return max(
            (
                rung
                for rung, since_s in self._high_since_s.items()
                if rung < Rung.GREEDY or now_s - since_s >= self._times.patience_s
            ),
            default=Rung.NONE,
        )
