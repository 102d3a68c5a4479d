from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.rooms.rejoin_backoff import REFUSED, UNREACHABLE, BackOff, Patience


def waits(back_off: BackOff, patience: Patience, count: int) -> list[float | None]:
    return [back_off.next(patience) for _ in range(count)]


def steady(_least: float, most: float) -> float:
    return most


def test_waits_grow_to_the_longest_and_start_over_after_a_success() -> None:
    back_off = BackOff(steady)
    assert waits(back_off, UNREACHABLE, 7) == [0.25, 0.5, 1.0, 2.0, 4.0, 4.0, 4.0]
    back_off.reset()
    assert back_off.next(UNREACHABLE) == 0.25


def test_another_kind_of_failure_starts_the_waits_over() -> None:
    back_off = BackOff(steady)
    waits(back_off, UNREACHABLE, 9)
    assert back_off.next(REFUSED) == 1.0
    assert back_off.next(UNREACHABLE) == 0.25


@pytest.mark.parametrize(("patience", "hours"), [(UNREACHABLE, 24), (REFUSED, 1)])
def test_a_room_is_given_up_after_the_limit(patience: Patience, hours: int) -> None:
    back_off = BackOff(steady)
    waited = list(islice(iter(lambda: back_off.next(patience), None), 100_000))
    assert sum(wait_s for wait_s in waited if wait_s) == pytest.approx(hours * 3600, rel=0.02)
    assert back_off.next(patience) is None


@given(st.lists(st.floats(0.8, 1.0), min_size=40, max_size=40))
def test_a_server_that_is_back_is_tried_within_seconds(spread: list[float]) -> None:
    factors = iter(spread)
    back_off = BackOff(lambda least, most: next(factors))
    assert all(wait_s is not None and wait_s <= 4.0 for wait_s in waits(back_off, UNREACHABLE, 40))
