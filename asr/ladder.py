"""What is done about overload, step by step. Pure.

A rung is climbed when the wait that is predicted passes it, and left, one at a time, once the wait
has stayed below half of it: no flutter about a limit. What costs words is done only about a wait
that has been too long for a second: not about a few people who stop speaking at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum


class Rung(IntEnum):
    """Each does what those below it do, too."""

    NONE = 0
    NO_LOOKS = 1
    """Speech that goes on is not looked at, but for speakers with a recent hit."""
    GREEDY = 2
    """Decoded without a beam."""
    COALESCE = 3
    """A speaker's waiting utterances share a window."""
    LATE = 4
    """Nothing more can be done: what has not been begun by its deadline becomes a gap, as always,
    and that is to be expected now."""


CLIMB_S = {Rung.NO_LOOKS: 1.0, Rung.GREEDY: 2.0, Rung.COALESCE: 3.0, Rung.LATE: 10.0}
"""Predicted wait above which each rung is climbed."""
PATIENCE_S = 1.0
"""How long the wait must have been above a rung's limit, from `Rung.GREEDY` on."""
STAY_S = 2.0
"""How long the wait must have been below half of a rung's limit before it is left."""


@dataclass(frozen=True, slots=True)
class LadderTimes:
    """
    Attributes:
        climb_s: Predicted wait above which each rung is climbed.
        patience_s: How long the wait must have been above it, from `Rung.GREEDY` on.
        stay_s: How long the wait must have been below half of it before the rung is left.
    """

    climb_s: Mapping[Rung, float] = field(default_factory=lambda: CLIMB_S)
    patience_s: float = PATIENCE_S
    stay_s: float = STAY_S


class Ladder:
    """Args:
    now_s: Seconds from any one moment.
    """

    def __init__(self, now_s: float, times: LadderTimes | None = None) -> None:
        self._times = times or LadderTimes()
        self.rung = Rung.NONE
        self._low_since_s: float | None = None
        self._high_since_s: dict[Rung, float] = {}

    def look(self, predicted_s: float, now_s: float) -> Rung:
        """The rung for a wait of so many seconds."""
        climbed = self._climbed(predicted_s, now_s)
        if climbed > self.rung:
            self.rung, self._low_since_s = climbed, None
        elif self.rung is Rung.NONE or predicted_s > self._times.climb_s[self.rung] / 2:
            self._low_since_s = None
        elif self._low_since_s is None:
            self._low_since_s = now_s
        elif now_s - self._low_since_s >= self._times.stay_s:
            self.rung, self._low_since_s = Rung(self.rung - 1), now_s
        return self.rung

    def _climbed(self, predicted_s: float, now_s: float) -> Rung:
        """The highest rung whose limit has been passed for long enough."""
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
