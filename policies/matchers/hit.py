"""What every matcher finds."""

from __future__ import annotations

from dataclasses import dataclass

from policies.match import Layer


@dataclass(frozen=True, slots=True)
class Hit:
    """A phrase or pattern at one place.

    Attributes:
        entry: Its number, as the matcher was given it.
        first: Number of the first normalised word of the place.
        last: Number of the last one.
        distance: 0 the same; else the weighted share of its sounds that differ.
    """

    entry: int
    first: int
    last: int
    layer: Layer
    distance: float = 0.0
