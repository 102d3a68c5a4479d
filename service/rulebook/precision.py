"""Precision of a rule, by the decisions of moderators about its alerts."""

from __future__ import annotations

import math
from dataclasses import dataclass

_Z = 1.959963984540054
"""Standard deviations of a normal distribution within which 95 % lies."""


@dataclass(frozen=True, slots=True)
class Precision:
    """Share of upheld alerts among the decided ones, with Wilson's 95 % interval."""

    value: float
    low: float
    high: float


def precision(upheld: int, dismissed: int) -> Precision | None:
    """Return the precision of decided alerts; None before the first decision."""
    decided = upheld + dismissed
    if decided == 0:
        return None
    share = upheld / decided
    spread = _Z**2 / decided
    middle = (share + spread / 2) / (1 + spread)
    half = _Z * math.sqrt(share * (1 - share) / decided + spread / (4 * decided)) / (1 + spread)
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    return Precision(round(share, 4), round(low, 4), round(high, 4))
