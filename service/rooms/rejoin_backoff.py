"""Back-off: waits before a room is joined again. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import uniform


@dataclass(frozen=True, slots=True)
class Patience:
    """Bounds of waits that grow from one attempt to the next.

    Attributes:
        first_s: First wait, in seconds.
        longest_s: Longest wait, in seconds.
        growth: Factor from one wait to the next.
        limit_s: Sum of the waits after which the room is given up, in seconds.
    """

    first_s: float
    longest_s: float
    growth: float
    limit_s: float


UNREACHABLE = Patience(0.25, 4.0, 2.0, 24 * 3600.0)
"""Waits for a room server that is away: once it is back, its rooms are heard within seconds."""
REFUSED = Patience(1.0, 60.0, 1.5, 3600.0)
"""Waits after a room server's refusal: it will not change until somebody changes a setting."""


class BackOff:
    """Waits between attempts in a row that fail.

    Args:
        spread: Returns a factor between its two arguments, so that rooms that were lost together do
            not all come back in the same instant.
    """

    def __init__(self, spread: Callable[[float, float], float] = uniform) -> None:
        self._spread = spread
        self._patience: Patience | None = None
        self._wait_s = 0.0
        self._waited_s = 0.0

    def next(self, patience: Patience) -> float | None:
        """Return the next wait in seconds; None: give up. Another patience starts over."""
        if patience is not self._patience:
            self._patience, self._wait_s, self._waited_s = patience, patience.first_s, 0.0
        if self._waited_s >= patience.limit_s:
            return None
        wait_s = self._wait_s * self._spread(0.8, 1.0)
        self._waited_s += wait_s
        self._wait_s = min(self._wait_s * patience.growth, patience.longest_s)
        return wait_s

    def reset(self) -> None:
        """Start over, after a success or on request."""
        self._patience = None
