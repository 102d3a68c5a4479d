from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.pronouncing.phones import (
    LEAST,
    PHONES,
    SKIP,
    SUBSTITUTE,
    costs_by_phone,
    distance,
    fold,
)

SAID = st.text(PHONES, max_size=12)
FAR = 99.0


@pytest.mark.parametrize(
    ("one", "other", "cost"),
    [("kOd", "kOd", 0.0), ("kOd", "kOt", 0.25), ("kOd", "kqd", 0.5), ("kOd", "kO", 0.6)],
)
def test_sounds_that_are_alike_cost_less(one: str, other: str, cost: float) -> None:
    assert distance(one, other, FAR) == cost


@given(SAID, SAID)
def test_the_distance_is_the_same_both_ways(one: str, other: str) -> None:
    assert distance(one, other, FAR) == pytest.approx(distance(other, one, FAR))


@given(SAID, SAID)
def test_only_the_same_is_at_no_distance(one: str, other: str) -> None:
    assert (distance(one, other, FAR) == 0) == (one == other)


@given(SAID, SAID, SAID)
def test_a_way_round_is_no_shorter(one: str, via: str, other: str) -> None:
    direct = distance(one, other, FAR)
    assert direct <= distance(one, via, FAR) + distance(via, other, FAR) + 1e-9


@given(SAID, SAID, st.floats(0, 5))
def test_the_limit_only_says_what_is_beyond_it(one: str, other: str, most: float) -> None:
    whole, limited = distance(one, other, FAR), distance(one, other, most)
    assert limited == (whole if whole <= most else float("inf"))


@given(SAID.filter(bool), SAID)
def test_the_cost_is_shared_out_among_the_sounds(one: str, other: str) -> None:
    costs = costs_by_phone(one, other)
    assert len(costs) == len(one)
    assert sum(costs) == pytest.approx(distance(one, other, FAR))


def test_no_edit_that_changes_the_class_costs_less_than_the_least() -> None:
    assert min(SKIP.values()) >= LEAST
    different = [
        cost
        for one, costs in SUBSTITUTE.items()
        for other, cost in costs.items()
        if fold(one) != fold(other)
    ]
    assert min(different) >= LEAST
