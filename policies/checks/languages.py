"""`languages` and the phrases agree: neither promises what the other does not have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from policies.finding import Finding
from policies.language import Language
from policies.pack import Rule


def languages(rules: Mapping[int, Rule]) -> Iterator[Finding]:
    for index, rule in rules.items():
        for language in Language:
            listed = language in rule.languages
            phrases = rule.match.phrases.of(language)
            if listed and not phrases:
                problem = f"'{language}' has no phrases"
                remedy = f"add some under match.phrases.{language}, or remove the language"
                yield Finding(("policies", index, "languages"), problem, remedy)
            if phrases and not listed:
                where = ("policies", index, "match", "phrases", language.value)
                problem = f"'{language}' is not in languages, so these are never heard"
                yield Finding(where, problem, f"add {language} to languages, or remove them")
        yield from _doubled(index, rule)


def _doubled(index: int, rule: Rule) -> Iterator[Finding]:
    for number, language in enumerate(rule.languages):
        if language in rule.languages[:number]:
            where = ("policies", index, "languages", number)
            yield Finding(where, f"'{language}' is listed twice", "remove one of the two")
