"""A phrase that is nearly nothing once normalised would be heard everywhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from policies.finding import Finding, quote
from policies.language import Language
from policies.normalize import normalize
from policies.pack import Rule

SHORTEST: Mapping[Language, int] = {Language.EN: 3, Language.ZH: 2}
"""Letters, digits or characters, without spaces."""


def phrase_length(rules: Mapping[int, Rule]) -> Iterator[Finding]:
    for index, rule in rules.items():
        for language, shortest in SHORTEST.items():
            for number, phrase in enumerate(rule.match.phrases.of(language)):
                size = sum(map(str.isalnum, normalize(phrase, language).text))
                if size >= shortest:
                    continue
                problem = "has no words in it" if size == 0 else "is too short"
                where = ("policies", index, "match", "phrases", language.value, number)
                remedy = f"give at least {shortest} letters, or remove it"
                yield Finding(where, f"{quote(phrase)} {problem}", remedy)
