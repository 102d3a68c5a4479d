"""Hazards that a rule may guard against.

The names are those of the MLCommons AILuminate hazard taxonomy (mlcommons.org/ailuminate). Three
of its hazards are left out because they concern an answer's quality or somebody's property, not the
safety of the people in a room: defamation, intellectual property and specialised advice (elections,
finance, health, law). There is no name here for political, religious or other protected opinion, so
a rule about one cannot be written.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Category(StrEnum):
    """AILuminate hazards."""

    VIOLENT_CRIMES = "violent_crimes"
    SEX_RELATED_CRIMES = "sex_related_crimes"
    CHILD_SEXUAL_EXPLOITATION = "child_sexual_exploitation"
    SUICIDE_SELF_HARM = "suicide_self_harm"
    INDISCRIMINATE_WEAPONS = "indiscriminate_weapons"
    NON_VIOLENT_CRIMES = "non_violent_crimes"
    HATE = "hate"
    PRIVACY_VIOLATIONS = "privacy_violations"
    SEXUAL_CONTENT = "sexual_content"


SUBCATEGORIES: Mapping[Category, tuple[str, ...]] = MappingProxyType(
    {
        Category.VIOLENT_CRIMES: ("threats",),
        Category.SEX_RELATED_CRIMES: (),
        Category.CHILD_SEXUAL_EXPLOITATION: ("grooming",),
        Category.SUICIDE_SELF_HARM: ("ideation", "encouragement"),
        Category.INDISCRIMINATE_WEAPONS: (),
        Category.NON_VIOLENT_CRIMES: ("scams_fraud", "illegal_gambling", "impersonation"),
        Category.HATE: ("harassment", "slurs"),
        Category.PRIVACY_VIOLATIONS: ("doxxing", "pii_solicitation"),
        Category.SEXUAL_CONTENT: ("explicit",),
    }
)
"""Finer names of our own, by category."""
