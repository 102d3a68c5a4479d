"""Patterns that are not RE2, are too large, or match everything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from policies.finding import Finding
from policies.matchers.patterns import PatternRefused, compile_pattern
from policies.pack import Rule

MAX_PATTERNS = 200
"""Most patterns of a pack: each is tried on every utterance."""


def check_patterns(rules: Mapping[int, Rule]) -> Iterator[Finding]:
    listed = [
        (index, patterns)
        for index, rule in rules.items()
        for each in rule.match.values()
        for patterns in each.patterns.root.values()
    ]
    count = sum(len(patterns) for _, patterns in listed)
    if count > MAX_PATTERNS:
        index = next(index for index, patterns in listed if patterns)
        problem = f"the pack has {count} patterns, more than {MAX_PATTERNS}"
        yield Finding(("policies", index, "match"), problem, "write phrases, or split the pack")
        return
    for index, rule in rules.items():
        for name, group in rule.match.items():
            for language, listed_here in group.patterns.root.items():
                for number, pattern in enumerate(listed_here):
                    try:
                        compile_pattern(pattern)
                    except PatternRefused as refused:
                        kind = ("patterns", language, number)
                        where = ("policies", index, "match", name, *kind)
                        yield Finding(where, str(refused), refused.remedy)
