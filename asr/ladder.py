"""What is done about overload, step by step. Pure.

A rung is climbed as soon as the wait that is predicted passes it, and left, one at a time, once the
wait has stayed below half of it: no flutter about a limit.
"""

from __future__ import annotations

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
    """What has not been begun by its deadline becomes a gap."""


CLIMB_S = {Rung.NO_LOOKS: 1.0, Rung.GREEDY: 2.0, Rung.COALESCE: 3.0, Rung.LATE: 10.0}
"""Predicted wait above which each rung is climbed."""
STAY_S = 2.0
"""How long the wait must have been below half of a rung's limit before it is left."""


class Ladder:
    """Args:
    now_s: Seconds from any one moment.
    """

    def __init__(self, now_s: float) -> None:
        self.rung = Rung.NONE
        self._low_since_s: float | None = None

    def look(self, predicted_s: float, now_s: float) -> Rung:
        """The rung for a wait of so many seconds."""
        climbed = max(
            (rung for rung, limit in CLIMB_S.items() if predicted_s > limit), default=Rung.NONE
        )
        if climbed > self.rung:
            self.rung, self._low_since_s = climbed, None
        elif self.rung is Rung.NONE or predicted_s > CLIMB_S[self.rung] / 2:
            self._low_since_s = None
        elif self._low_since_s is None:
            self._low_since_s = now_s
        elif now_s - self._low_since_s >= STAY_S:
            self.rung, self._low_since_s = Rung(self.rung - 1), now_s
        return self.rung
