from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.languages.en.phones import (
    LEAST,
    PHONES,
    SKIP,
    SUBSTITUTE,
    costs_by_phone,
    fold_phones,
    phone_distance,
)

SAID = st.text(PHONES, max_size=12)
FAR = 99.0


@pytest.mark.parametrize(
    ("one", "other", "cost"),
    [("kOd", "kOd", 0.0), ("kOd", "kOt", 0.25), ("kOd", "kqd", 0.5), ("kOd", "kO", 0.6)],
)
def test_sounds_that_are_alike_cost_less(one: str, other: str, cost: float) -> None:
    assert phone_distance(one, other, FAR) == cost


@given(SAID, SAID)
def test_the_distance_is_the_same_both_ways(one: str, other: str) -> None:
    assert phone_distance(one, other, FAR) == pytest.approx(phone_distance(other, one, FAR))


@given(SAID, SAID)
def test_only_the_same_is_at_no_distance(one: str, other: str) -> None:
    assert (phone_distance(one, other, FAR) == 0) == (one == other)


@given(SAID, SAID, SAID)
def test_a_way_round_is_no_shorter(one: str, via: str, other: str) -> None:
    direct = phone_distance(one, other, FAR)
    assert direct <= phone_distance(one, via, FAR) + phone_distance(via, other, FAR) + 1e-9


@given(SAID, SAID, st.floats(0, 5))
def test_the_limit_only_says_what_is_beyond_it(one: str, other: str, most: float) -> None:
    whole, limited = phone_distance(one, other, FAR), phone_distance(one, other, most)
    assert limited == (whole if whole <= most else float("inf"))


@given(SAID.filter(bool), SAID)
def test_the_cost_is_shared_out_among_the_sounds(one: str, other: str) -> None:
    costs = costs_by_phone(one, other)
    assert len(costs) == len(one)
    assert sum(costs) == pytest.approx(phone_distance(one, other, FAR))


def test_no_edit_that_changes_the_class_costs_less_than_the_least() -> None:
    assert min(SKIP.values()) >= LEAST
    different = [
        cost
        for one, costs in SUBSTITUTE.items()
        for other, cost in costs.items()
        if fold_phones(one) != fold_phones(other)
    ]
    assert min(different) >= LEAST
