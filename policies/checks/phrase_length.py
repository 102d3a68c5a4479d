"""Phrases that are too short: they would match everywhere, the more so the looser they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from policies.checks.phrases import Written, every_phrase
from policies.finding import Finding, quote
from policies.pack import Rule
from policies.tolerance import Tolerance


def check_length(rules: Mapping[int, Rule]) -> Iterator[Finding]:
    for written in every_phrase(rules):
        where, phrase, language, words = written
        size = sum(map(str.isalnum, words.text))
        shortest = language.shortest_phrase if _alone(written, rules) else 1
        if size < shortest:
            problem = "has no words in it" if size == 0 else "is too short"
            remedy = f"give at least {shortest} letters, or remove it"
            yield Finding(where, f"{quote(phrase)} {problem}", remedy)
        else:
            yield from _too_short_to_be_loose(written, rules)


def _alone(written: Written, rules: Mapping[int, Rule]) -> bool:
    """Return whether the phrase alone can make a match, or excuse one."""
    where = written[0]
    when = rules[int(where[1])].when
    together = (*when.all, *(when.near.groups if when.near else ()))
    return where[2] != "match" or where[3] not in together


def _too_short_to_be_loose(written: Written, rules: Mapping[int, Rule]) -> Iterator[Finding]:
    where, phrase, language, words = written
    if where[2] != "match":
        return
    tolerance = rules[int(where[1])].match[str(where[3])].tolerance
    sounds = language.sounds
    offered = {Tolerance.EXACT, Tolerance.BY_LENGTH, *sounds.shortest}
    if tolerance not in offered:
        problem = f"tolerance {tolerance} is not offered in '{language.code}'"
        yield Finding(where, problem, f"set {' or '.join([Tolerance.EXACT, *sounds.shortest])}")
        return
    least = sounds.shortest.get(tolerance, 0)
    length = sounds.count(words.words) if least else 0
    if length < least:
        has = f"{length} of the {least} {sounds.unit} it needs"
        problem = f"{quote(phrase)} is too short for tolerance {tolerance}: it has {has}"
        looser = [each for each, shortest in sounds.shortest.items() if length >= shortest]
        remedy = f"set {' or '.join([Tolerance.EXACT, *looser])}, or give a longer phrase"
        yield Finding(where, problem, remedy)
