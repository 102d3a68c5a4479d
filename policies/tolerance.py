"""How far what was heard may be from a phrase, and how long a phrase must be to be heard so.

A short phrase sounds like much else: under nine sounds (under three syllables in Chinese) nothing
looser than a homophone can be told from chance.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from policies.language import Language


class Tolerance(StrEnum):
    EXACT = "exact"
    """The same normalised words."""
    HOMOPHONE = "homophone"
    """The same sounds, those that recognisers confuse most taken for one another."""
    NEAR = "near"
    LOOSE = "loose"
    BY_LENGTH = "by_length"
    """Each phrase as near as its length allows."""


SHARE: Mapping[Tolerance, float] = {
    Tolerance.HOMOPHONE: 0.0,
    Tolerance.NEAR: 0.15,
    Tolerance.LOOSE: 0.20,
}
"""Of an English phrase's sounds, the weighted share that may differ."""

SHORTEST: Mapping[Language, Mapping[Tolerance, int]] = {
    Language.EN: {Tolerance.HOMOPHONE: 5, Tolerance.NEAR: 9, Tolerance.LOOSE: 12},
    Language.ZH: {Tolerance.HOMOPHONE: 2, Tolerance.NEAR: 3, Tolerance.LOOSE: 5},
}
"""Sounds of an English phrase, syllables of a Chinese one."""


def resolve(tolerance: Tolerance, language: Language, length: int) -> Tolerance:
    """`BY_LENGTH` made concrete for a phrase of so many sounds or syllables."""
    if tolerance is not Tolerance.BY_LENGTH:
        return tolerance
    shortest = SHORTEST[language]
    if length >= shortest[Tolerance.NEAR]:
        return Tolerance.NEAR
    return Tolerance.HOMOPHONE if length >= shortest[Tolerance.HOMOPHONE] else Tolerance.EXACT
