from __future__ import annotations

import pytest

from tests.policies.writing import HEADER, errors, pack_text, rule_text


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ("title: ''", "title: is empty; fill it in"),
        (f"title: {'t' * 121}", "title: is longer than 120 characters; shorten it"),
        ("title: {a: b}", "title: must be text, not a mapping; write it on one line"),
        ("severity: [high]", "severity: a list is not known here; use one of low, medium, high, "),
        ("languages: []", "languages: has 0 of the 1 items it needs; give at least 1"),
        ("match:", "match: must be a mapping, not nothing; write its fields indented below it"),
        ("cooldown: [30s]", "cooldown: this is not a duration; write it as in 0s, 30s, 10m or 2h"),
        ("tests: {must_match: a, must_not_match: [a, b, c]}", "tests.must_match: must be a list, "),
        (
            f"tests: {{must_match: [a, b, c], must_not_match: [{'a, ' * 1000} a]}}",
            "tests.must_not_match: has more than 1000 items; split it up",
        ),
    ],
)
def test_each_kind_of_error_has_its_words(change: str, error: str) -> None:
    field = change.split(":")[0]
    (found,) = errors(pack_text(rule_text(**{field: change})))
    assert found.split(" ", 1)[1].startswith(f"policies[0].{error}")


def test_an_item_that_is_refused_does_not_make_its_list_too_short() -> None:
    tests = "tests: {must_match: [a, '', c], must_not_match: [a, b, c]}"
    (found,) = errors(pack_text(rule_text(tests=tests)))
    assert found.endswith("policies[0].tests.must_match[1].text: is empty; fill it in")


def test_a_pack_needs_a_rule() -> None:
    assert errors(HEADER + "policies: []\n") == [
        "p.yaml:6 policies: has 0 of the 1 items it needs; give at least 1"
    ]
