"""Handling of a match: somebody broke a rule, or somebody may need help."""

from __future__ import annotations

from enum import StrEnum

from policies.taxonomy import Category


class Handling(StrEnum):
    """Kind of answer to words that match a rule."""

    OFFENCE = "offence"
    """Words against somebody: a moderator upholds or dismisses them."""
    HELP = "help"
    """Words of somebody who may be at risk: a moderator offers help. They are never held against
    anyone: they count in no precision, and no action that punishes is suggested."""


AGAINST_OTHERS = "encouragement"
"""Sub-category of `suicide_self_harm` for telling somebody else to hurt themselves. It is an
offence: the person at risk is the one who was spoken to."""


def handling_of(category: str, subcategory: str = "") -> Handling:
    """Return the handling of a category; without a sub-category, self-harm is help.

    Args:
        category: Name in `policies.taxonomy`; any other name is that of an offence.
        subcategory: Finer name; empty if unknown.
    """
    at_risk = category == Category.SUICIDE_SELF_HARM and subcategory != AGAINST_OTHERS
    return Handling.HELP if at_risk else Handling.OFFENCE
