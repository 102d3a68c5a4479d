"""Phrases that repeat an earlier one of their group: a slip for another phrase."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from policies.checks.phrases import every_phrase
from policies.finding import Finding, quote
from policies.pack import Rule


def check_duplicates(rules: Mapping[int, Rule]) -> Iterator[Finding]:
    first: dict[tuple[object, ...], int] = {}
    for where, phrase, _, words in every_phrase(rules):
        *group, number = where
        if words.text and first.setdefault((*group, words.text), int(number)) != number:
            problem = f"{quote(phrase)} sounds the same as phrase"
            above = f"[{first[(*group, words.text)]}] above"
            yield Finding(where, f"{problem} {above}", "remove one of the two")
