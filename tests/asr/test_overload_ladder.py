from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from asr.overload_ladder import CLIMB_S, PATIENCE_S, STAY_S, Ladder, Rung


def test_a_long_wait_climbs_several_rungs_at_once() -> None:
    ladder = Ladder(0.0)
    assert ladder.update_rung(0.9, 0.0) is Rung.NONE
    assert ladder.update_rung(1.1, 0.1) is Rung.NO_LOOKS
    assert ladder.update_rung(12.0, 0.2) is Rung.NO_LOOKS
    assert ladder.update_rung(12.0, 0.2 + PATIENCE_S) is Rung.LATE


def test_a_short_peak_of_the_wait_costs_no_words() -> None:
    ladder = Ladder(0.0)
    for tick in range(100):
        rung = ladder.update_rung(1.5 if tick % 10 == 9 else 5.0, tick * 0.1)
        assert tick == 0 or rung is Rung.NO_LOOKS


def test_rungs_are_left_one_by_one_once_the_wait_has_been_short_for_long() -> None:
    ladder = Ladder(0.0)
    ladder.update_rung(3.5, -PATIENCE_S)
    ladder.update_rung(3.5, 0.0)
    assert ladder.update_rung(0.0, 1.0) is Rung.COALESCE
    assert ladder.update_rung(0.0, 1.0 + STAY_S) is Rung.GREEDY
    assert ladder.update_rung(0.0, 1.5 + STAY_S) is Rung.GREEDY
    assert ladder.update_rung(0.0, 1.0 + 2 * STAY_S) is Rung.NO_LOOKS
    assert ladder.update_rung(0.0, 1.0 + 3 * STAY_S) is Rung.NONE


def test_a_wait_near_a_limit_does_not_flutter() -> None:
    ladder = Ladder(0.0)
    for tick in range(200):
        rung = ladder.update_rung(1.1 if tick % 2 else 0.8, tick * 0.1)
        assert tick == 0 or rung is Rung.NO_LOOKS


@given(st.lists(st.tuples(st.floats(0, 20), st.floats(0, 3))))
def test_a_rung_is_never_below_what_the_wait_calls_for(waits: list[tuple[float, float]]) -> None:
    ladder, now_s = Ladder(0.0), 0.0
    for predicted_s, later_s in waits:
        now_s += later_s
        ladder.update_rung(predicted_s, now_s)
        now_s += PATIENCE_S + 0.01
        rung = ladder.update_rung(predicted_s, now_s)
        assert all(rung >= other for other, limit in CLIMB_S.items() if predicted_s > limit)
