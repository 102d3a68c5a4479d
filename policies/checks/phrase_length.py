"""A phrase that is nearly nothing would be heard everywhere, and the more so the looser it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from policies.checks.phrases import Written, every_phrase
from policies.finding import Finding, quote
from policies.language import Language
from policies.listener import spoken_length
from policies.pack import Rule
from policies.tolerance import SHORTEST as SHORTEST_SOUND
from policies.tolerance import Tolerance

SHORTEST: Mapping[Language, int] = {Language.EN: 3, Language.ZH: 2}
"""Letters, digits or characters, without spaces, of what makes a match by itself."""
_UNITS: Mapping[Language, str] = {Language.EN: "sounds", Language.ZH: "syllables"}


def phrase_length(rules: Mapping[int, Rule]) -> Iterator[Finding]:
    for written in every_phrase(rules):
        where, phrase, language, words = written
        size = sum(map(str.isalnum, words.text))
        shortest = SHORTEST[language] if _alone(written, rules) else 1
        if size < shortest:
            problem = "has no words in it" if size == 0 else "is too short"
            remedy = f"give at least {shortest} letters, or remove it"
            yield Finding(where, f"{quote(phrase)} {problem}", remedy)
        else:
            yield from _too_short_to_be_loose(written, rules)


def _alone(written: Written, rules: Mapping[int, Rule]) -> bool:
    """Whether the phrase makes a match, or excuses one, without any other beside it."""
    where = written[0]
    when = rules[int(where[1])].when
    together = (*when.all, *(when.near.groups if when.near else ()))
    return where[2] != "match" or where[3] not in together


def _too_short_to_be_loose(written: Written, rules: Mapping[int, Rule]) -> Iterator[Finding]:
    where, phrase, language, words = written
    if where[2] != "match":
        return
    tolerance = rules[int(where[1])].match[str(where[3])].tolerance
    least = SHORTEST_SOUND[language].get(tolerance, 0)
    length = spoken_length(language, words) if least else 0
    if length < least:
        has = f"{length} of the {least} {_UNITS[language]} it needs"
        problem = f"{quote(phrase)} is too short for tolerance {tolerance}: it has {has}"
        looser = [each for each in SHORTEST_SOUND[language] if length >= _least(language, each)]
        remedy = f"set {' or '.join([Tolerance.EXACT, *looser])}, or give a longer phrase"
        yield Finding(where, problem, remedy)


def _least(language: Language, tolerance: Tolerance) -> int:
    return SHORTEST_SOUND[language][tolerance]
