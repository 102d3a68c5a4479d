"""Languages without phrases, and phrases in languages that the rule does not list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from policies.finding import Finding
from policies.languages import CODES
from policies.listen import Group
from policies.pack import Rule


def check_languages(rules: Mapping[int, Rule]) -> Iterator[Finding]:
    for index, rule in rules.items():
        for language in rule.languages:
            yield from _missing(index, rule, language)
        for language in CODES:
            if language not in rule.languages:
                yield from _unheard(index, rule, language)
        for number, language in enumerate(rule.languages):
            if language in rule.languages[:number]:
                where = ("policies", index, "languages", number)
                yield Finding(where, f"'{language}' is listed twice", "remove one of the two")


def _missing(index: int, rule: Rule, language: str) -> Iterator[Finding]:
    """Yield a finding if the rule can never apply in a language that it lists."""
    near = rule.when.near.groups if rule.when.near else ()
    for name in dict.fromkeys((*near, *rule.when.all)):
        if name in rule.match and not _has_phrases(rule.match[name], language):
            where = ("policies", index, "match", name)
            remedy = f"add some under match.{name}.phrases.{language}, or remove the language"
            yield Finding(where, f"has no phrases in '{language}'", remedy)
    if near or rule.when.all:
        return
    names = rule.when.any or tuple(rule.match)
    if not any(_has_phrases(rule.match[name], language) for name in names if name in rule.match):
        problem = f"'{language}' has no phrases"
        remedy = f"add some under match.{names[0]}.phrases.{language}, or remove the language"
        yield Finding(("policies", index, "languages"), problem, remedy)


def _unheard(index: int, rule: Rule, language: str) -> Iterator[Finding]:
    problem = f"'{language}' is not in languages, so these are never heard"
    remedy = f"add {language} to languages, or remove them"
    for name, group in rule.match.items():
        for kind, listed in (("phrases", group.phrases), ("patterns", group.patterns)):
            if listed.in_language(language):
                where = ("policies", index, "match", name, kind, language)
                yield Finding(where, problem, remedy)
    if rule.except_.allow.in_language(language):
        yield Finding(("policies", index, "except", "allow", language), problem, remedy)


def _has_phrases(group: Group, language: str) -> bool:
    return bool(group.phrases.in_language(language) or group.patterns.in_language(language))
