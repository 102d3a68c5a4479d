"""Patterns are RE2, of a sane size, and match something."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from policies.finding import Finding
from policies.language import Language
from policies.matchers.patterns import PatternRefused, compiled
from policies.pack import Rule


def patterns(rules: Mapping[int, Rule]) -> Iterator[Finding]:
    for index, rule in rules.items():
        for name, group in rule.match.items():
            for language in Language:
                for number, pattern in enumerate(group.patterns.of(language)):
                    try:
                        compiled(pattern)
                    except PatternRefused as refused:
                        kind = ("patterns", language.value, number)
                        where = ("policies", index, "match", name, *kind)
                        yield Finding(where, str(refused), refused.remedy)
