"""Every phrase of some rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from policies.finding import Location
from policies.language import Language
from policies.normalize import Normalized, phrase
from policies.pack import Rule

Written = tuple[Location, str, Language, Normalized]
"""Where a phrase is in the file, the phrase, its language and its words."""


def every_phrase(rules: Mapping[int, Rule]) -> Iterator[Written]:
    """Of all groups and of the allowed phrases."""
    for index, rule in rules.items():
        for language in Language:
            for name, group in rule.match.items():
                where = ("policies", index, "match", name, "phrases", language.value)
                for number, written in enumerate(group.phrases.of(language)):
                    yield (*where, number), written, language, phrase(written, language)
            allow = ("policies", index, "except", "allow", language.value)
            for number, written in enumerate(rule.except_.allow.of(language)):
                yield (*allow, number), written, language, phrase(written, language)
