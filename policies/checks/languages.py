"""`languages` and what is listened for agree: neither promises what the other does not have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from policies.finding import Finding
from policies.language import Language
from policies.listen import Group
from policies.pack import Rule


def languages(rules: Mapping[int, Rule]) -> Iterator[Finding]:
    for index, rule in rules.items():
        for language in rule.languages:
            yield from _missing(index, rule, language)
        for language in Language:
            if language not in rule.languages:
                yield from _unheard(index, rule, language)
        for number, language in enumerate(rule.languages):
            if language in rule.languages[:number]:
                where = ("policies", index, "languages", number)
                yield Finding(where, f"'{language}' is listed twice", "remove one of the two")


def _missing(index: int, rule: Rule, language: Language) -> Iterator[Finding]:
    """Whether the rule can apply at all in a language that it lists."""
    near = rule.when.near.groups if rule.when.near else ()
    for name in dict.fromkeys((*near, *rule.when.all)):
        if name in rule.match and not has(rule.match[name], language):
            where = ("policies", index, "match", name)
            remedy = f"add some under match.{name}.phrases.{language}, or remove the language"
            yield Finding(where, f"has no phrases in '{language}'", remedy)
    if near or rule.when.all:
        return
    names = rule.when.any or tuple(rule.match)
    if not any(has(rule.match[name], language) for name in names if name in rule.match):
        problem = f"'{language}' has no phrases"
        remedy = f"add some under match.{names[0]}.phrases.{language}, or remove the language"
        yield Finding(("policies", index, "languages"), problem, remedy)


def _unheard(index: int, rule: Rule, language: Language) -> Iterator[Finding]:
    problem = f"'{language}' is not in languages, so these are never heard"
    remedy = f"add {language} to languages, or remove them"
    for name, group in rule.match.items():
        for kind, listed in (("phrases", group.phrases), ("patterns", group.patterns)):
            if listed.of(language):
                where = ("policies", index, "match", name, kind, language.value)
                yield Finding(where, problem, remedy)
    if rule.except_.allow.of(language):
        yield Finding(("policies", index, "except", "allow", language.value), problem, remedy)


def has(group: Group, language: Language) -> bool:
    return bool(group.phrases.of(language) or group.patterns.of(language))
