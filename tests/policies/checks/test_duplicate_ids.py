from __future__ import annotations

from policies.checks.duplicate_ids import check_ids
from tests.policies.writing import rule


def test_each_later_rule_with_the_id_is_named() -> None:
    rules = {0: rule("same"), 2: rule("other"), 3: rule("same"), 4: rule("same")}
    found = list(check_ids(rules))
    assert [finding.where for finding in found] == [("policies", n, "id") for n in (3, 4)]
    assert found[0].problem == "'same' is the id of policies[0] too"


def test_different_ids_are_fine() -> None:
    assert list(check_ids({0: rule("one"), 1: rule("two")})) == []
