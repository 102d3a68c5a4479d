"""How long to wait before a room is joined again. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import uniform


@dataclass(frozen=True, slots=True)
class Patience:
    """Waits that grow from one attempt to the next.

    Attributes:
        first_s, longest_s: The first wait, and what none is longer than.
        growth: How many times as long the next wait is.
        limit_s: When the waits add up to this, it is given up.
    """

    first_s: float
    longest_s: float
    growth: float
    limit_s: float


UNREACHABLE = Patience(0.25, 4.0, 2.0, 24 * 3600.0)
"""A room server that is away: when it is back, its rooms are heard within seconds."""
REFUSED = Patience(1.0, 60.0, 1.5, 3600.0)
"""A room server that says no: nothing changes by itself, until somebody changes it."""


class BackOff:
    """Waits in a row without success.

    Args:
        spread: Gives a factor between its two arguments: rooms that were lost together do not all
            come back in the same instant.
    """

    def __init__(self, spread: Callable[[float, float], float] = uniform) -> None:
        self._spread = spread
        self._patience: Patience | None = None
        self._wait_s = 0.0
        self._waited_s = 0.0

    def next(self, patience: Patience) -> float | None:
        """Seconds to wait; None: it is given up. Another patience begins anew."""
        if patience is not self._patience:
            self._patience, self._wait_s, self._waited_s = patience, patience.first_s, 0.0
        if self._waited_s >= patience.limit_s:
            return None
        wait_s = self._wait_s * self._spread(0.8, 1.0)
        self._waited_s += wait_s
        self._wait_s = min(self._wait_s * patience.growth, patience.longest_s)
        return wait_s

    def reset(self) -> None:
        """It went well, or somebody asked for it anew."""
        self._patience = None
