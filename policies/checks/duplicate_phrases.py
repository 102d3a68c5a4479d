"""A phrase that says the same as an earlier one of its rule is a slip, often for another phrase."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from policies.finding import Finding, quote
from policies.language import Language
from policies.normalize import normalize
from policies.pack import Rule


def duplicate_phrases(rules: Mapping[int, Rule]) -> Iterator[Finding]:
    for index, rule in rules.items():
        for language in Language:
            first: dict[str, int] = {}
            for number, phrase in enumerate(rule.match.phrases.of(language)):
                words = normalize(phrase, language).text
                if words and first.setdefault(words, number) != number:
                    where = ("policies", index, "match", "phrases", language.value, number)
                    problem = f"{quote(phrase)} sounds the same as phrase [{first[words]}] above"
                    yield Finding(where, problem, "remove one of the two")
