"""Patterns are RE2, of a sane size, and match something."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from policies.finding import Finding
from policies.language import Language
from policies.matchers.patterns import PatternRefused, compiled
from policies.pack import Rule

MAX_PATTERNS = 200
"""Of a pack, all rules together: each is tried on everything that is said."""


def patterns(rules: Mapping[int, Rule]) -> Iterator[Finding]:
    listed = [
        (index, each.patterns.of(language))
        for index, rule in rules.items()
        for each in rule.match.values()
        for language in Language
    ]
    count = sum(len(patterns) for _, patterns in listed)
    if count > MAX_PATTERNS:
        index = next(index for index, patterns in listed if patterns)
        problem = f"the pack has {count} patterns, more than {MAX_PATTERNS}"
        yield Finding(("policies", index, "match"), problem, "write phrases, or split the pack")
        return
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
