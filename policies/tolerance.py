"""The distance up to which words count as a phrase.

A short phrase sounds like many others: below a length that each language states, chance alone finds
anything looser than a homophone.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Tolerance(StrEnum):
    """Distances from a phrase, each looser than the one before."""

    EXACT = "exact"
    """The same normalised words."""
    HOMOPHONE = "homophone"
    """The same sounds, where the sounds that recognisers confuse most count as the same."""
    NEAR = "near"
    LOOSE = "loose"
    BY_LENGTH = "by_length"
    """For each phrase, the loosest of exact, homophone and near that its length allows."""


def resolve_tolerance(
    tolerance: Tolerance, length: int, shortest: Mapping[Tolerance, int]
) -> Tolerance:
    """Replace `BY_LENGTH` by the tolerance for a phrase of `length` sounds or syllables."""
    if tolerance is not Tolerance.BY_LENGTH:
        return tolerance
    for each in (Tolerance.NEAR, Tolerance.HOMOPHONE):
        if each in shortest and length >= shortest[each]:
            return each
    return Tolerance.EXACT
