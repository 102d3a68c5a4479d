"""English cues before a match: negation and reported speech."""

from __future__ import annotations

from collections.abc import Sequence

_NEGATIONS = frozenset(
    "not never no nobody none neither nor without hardly stop against refuse refused avoid".split()
)
_REPORTS = frozenset(
    "said says saying told tells asked asks asking wrote writes posted reported claims claimed "
    "warned warns heard quote quoted quoting article news headline movie film song lyrics".split()
)
_OWN_WORDS = frozenset({"i", "we"})
"""Subjects after which a report repeats the speaker's own words, and so is no excuse."""


def find_negation(words: Sequence[str], start: int, end: int) -> str:
    """Return the last negation in `words[start:end]`; empty if there is none."""
    for number in range(end - 1, start - 1, -1):
        if words[number] in _NEGATIONS:
            return words[number]
    return ""


def find_report(words: Sequence[str], start: int, end: int) -> str:
    """Return the last report of another's words in `words[start:end]`; empty if there is none."""
    for number in range(end - 1, start - 1, -1):
        own = number > 0 and words[number - 1] in _OWN_WORDS
        if words[number] in _REPORTS and not own:
            return words[number]
    return ""
