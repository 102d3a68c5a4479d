from __future__ import annotations

from typing import Any

from policies.checks.patterns import MAX_PATTERNS, check_patterns
from policies.pack import Rule
from tests.policies.writing import rule


def listening(id: str, *listed: str) -> Rule:
    changes: dict[str, Any] = {"match": {"digits": {"patterns": {"en": list(listed)}}}}
    return rule(id, **changes)


def test_re2_patterns_are_fine() -> None:
    assert list(check_patterns({0: listening("r", r"\d \d", "gift cards?")})) == []


def test_each_pattern_that_is_not_is_named() -> None:
    found = list(check_patterns({3: listening("r", r"\d", "(?=a)", "a*")}))
    assert [finding.where for finding in found] == [
        ("policies", 3, "match", "digits", "patterns", "en", number) for number in (1, 2)
    ]
    assert found[0].problem == "is not RE2: invalid perl operator: (?="


def test_a_pack_with_very_many_is_refused_before_they_are_compiled() -> None:
    each = MAX_PATTERNS // 4
    rules = {n: listening(f"r{n}", *[f"a{i}" for i in range(each)]) for n in range(5)}
    (finding,) = check_patterns(rules)
    assert finding.problem == f"the pack has {5 * each} patterns, more than {MAX_PATTERNS}"
