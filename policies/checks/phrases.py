"""Phrases of rules, with their places."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from policies.finding import Location
from policies.languages import load_languages
from policies.languages.plugin import LanguagePlugin
from policies.normalize import Normalized, normalize_phrase
from policies.pack import Rule

Written = tuple[Location, str, LanguagePlugin, Normalized]
"""Place of a phrase in the file, the phrase, its language and its words."""


def every_phrase(rules: Mapping[int, Rule]) -> Iterator[Written]:
    """Yield the phrases of all groups, and the allowed phrases."""
    for index, rule in rules.items():
        for language in load_languages():
            for name, group in rule.match.items():
                where = ("policies", index, "match", name, "phrases", language.code)
                for number, written in enumerate(group.phrases.in_language(language.code)):
                    yield (*where, number), written, language, normalize_phrase(written, language)
            allow = ("policies", index, "except", "allow", language.code)
            for number, written in enumerate(rule.except_.allow.in_language(language.code)):
                yield (*allow, number), written, language, normalize_phrase(written, language)
