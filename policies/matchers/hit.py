"""Result of every matcher."""

from __future__ import annotations

from dataclasses import dataclass

from policies.match import Layer


@dataclass(frozen=True, slots=True)
class Hit:
    """A phrase or pattern at one place of a text.

    Attributes:
        entry: Number that the matcher was given for it.
        first: Number of the first normalised word.
        last: Number of the last normalised word.
        distance: Weighted share of the phrase's sounds that differ; 0 if none does.
    """

    entry: int
    first: int
    last: int
    layer: Layer
    distance: float = 0.0
