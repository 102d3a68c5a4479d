from __future__ import annotations

from typing import Any

import pytest

from policies.checks.groups import check_groups
from tests.policies.writing import rule

TWO = {"ask": {"phrases": {"en": ["read me"]}}, "secret": {"phrases": {"en": ["code"]}}}


def problems(when: dict[str, Any], match: dict[str, Any] = TWO) -> list[str]:
    changes: dict[str, Any] = {"match": match, "when": when}
    return [finding.problem for finding in check_groups({0: rule(**changes)})]


@pytest.mark.parametrize(
    "when",
    [
        {},
        {"any": ["ask", "secret"]},
        {"all": ["ask", "secret"]},
        {"near": {"groups": ["ask", "secret"], "within_words": 3}},
        {"any": ["ask"], "all": ["secret"]},
        {"score": 10},
    ],
)
def test_groups_that_are_there_and_used_are_fine(when: dict[str, Any]) -> None:
    assert problems(when) == []


def test_what_is_not_there_not_used_or_named_twice_is_found() -> None:
    assert problems({"any": ["ask", "ask", "none"]}) == [
        "'none' is no group of match",
        "is not used in when",
    ]
    near = {"groups": ["ask", "secret", "ask"], "within_words": 3}
    assert problems({"near": near}) == ["'ask' is named twice"]


def test_an_empty_group_listens_for_nothing() -> None:
    assert problems({}, TWO | {"empty": {}}) == ["listens for nothing"]


def test_a_score_that_cannot_be_reached_is_found() -> None:
    assert problems({"score": 11}) == ["the weights of all groups come to 10"]
