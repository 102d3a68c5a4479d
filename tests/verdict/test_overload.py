from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.overload_ladder import Rung
from service.verdict.overload import (
    AGAIN_AFTER,
    BEHIND_S,
    NORMAL_S,
    Lag,
    OverloadChanged,
    OverloadWatch,
    Pace,
    Reported,
    overload_change,
)

NOW = datetime(2030, 1, 1, tzinfo=UTC)
NORMAL = Reported(Pace.NORMAL, 0.0, NOW)


def behind(behind_s: float) -> Reported:
    return Reported(Pace.BEHIND, behind_s, NOW)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize("behind_s", [0.0, 1.0, 3.0])
def test_up_to_three_seconds_are_normal(behind_s: float) -> None:
    assert overload_change(NORMAL, Lag(behind_s, 4), at(9)) is None


def test_more_than_three_seconds_are_reported_at_once() -> None:
    assert overload_change(NORMAL, Lag(3.14, 4), NOW) == OverloadChanged(Pace.BEHIND, 3.1, 4)


@pytest.mark.parametrize("behind_s", [1.0, 2.9, 3.1, 5.9])
def test_between_the_thresholds_nothing_changes(behind_s: float) -> None:
    assert overload_change(behind(3.1 if behind_s > 1.6 else 1.9), Lag(behind_s, 1), at(60)) is None


def test_below_a_second_it_is_normal_again_at_once() -> None:
    assert overload_change(behind(9.0), Lag(0.9, 1), at(0.1)) == OverloadChanged(
        Pace.NORMAL, 0.9, 1
    )


@pytest.mark.parametrize(
    ("behind_s", "told"), [(8.0, True), (7.9, False), (2.0, True), (2.1, False)]
)
def test_a_lag_that_doubled_or_halved_is_reported_again(behind_s: float, told: bool) -> None:
    news = overload_change(behind(4.0), Lag(behind_s, 30), at(2))
    assert news == (OverloadChanged(Pace.BEHIND, behind_s, 30) if told else None)


def test_the_lag_is_reported_at_most_every_two_seconds() -> None:
    assert overload_change(behind(4.0), Lag(40.0, 30), at(1.9)) is None
    assert overload_change(behind(4.0), Lag(40.0, 30), at(2)) is not None


def test_a_higher_step_of_the_ladder_is_reported_at_once() -> None:
    news = overload_change(NORMAL, Lag(1.2, 4, Rung.NO_LOOKS), NOW)
    assert news == OverloadChanged(Pace.NORMAL, 1.2, 4, "no_looks")
    reported = Reported(Pace.NORMAL, 1.2, NOW, Rung.NO_LOOKS)
    assert overload_change(reported, Lag(1.2, 4, Rung.NO_LOOKS), at(60)) is None
    more = overload_change(reported, Lag(2.0, 9, Rung.COALESCE), at(0.5))
    assert more is not None
    assert more.measure == "coalesce"


def test_a_lower_step_of_the_ladder_is_reported_at_most_every_two_seconds() -> None:
    reported = Reported(Pace.BEHIND, 4.0, NOW, Rung.COALESCE)
    assert overload_change(reported, Lag(3.0, 4, Rung.GREEDY), at(1.9)) is None
    assert overload_change(reported, Lag(3.0, 4, Rung.GREEDY), at(2)) == OverloadChanged(
        Pace.BEHIND, 3.0, 4, "greedy"
    )


@given(st.lists(st.floats(0, 100), max_size=60))
def test_states_alternate_and_every_reported_state_is_true(lags: list[float]) -> None:
    reported, news = NORMAL, []
    for number, behind_s in enumerate(lags):
        now = at(number / 2)
        found = overload_change(reported, Lag(behind_s, 1), now)
        if found is not None:
            assert behind_s < NORMAL_S if found.state is Pace.NORMAL else behind_s >= NORMAL_S
            news.append((now, found.state))
            reported = Reported(found.state, behind_s, now)
        if behind_s > BEHIND_S:
            assert reported.state is Pace.BEHIND
        if behind_s < NORMAL_S:
            assert reported.state is Pace.NORMAL
    for (earlier, one), (later, other) in pairwise(news):
        assert not (one is other is Pace.NORMAL)
        assert one is not other or later - earlier >= AGAIN_AFTER


class Floor:
    """A watch whose lag and time the test sets."""

    def __init__(self) -> None:
        self.now = NOW
        self.behind_s = 0.0
        self.recorded: list[OverloadChanged] = []
        self.measured: list[float] = []
        self.away = False
        self.watch = OverloadWatch(
            lambda now: Lag(self.behind_s, 1),
            self.record,
            measure=self.measured.append,
            clock=lambda: self.now,
        )

    async def record(self, event: OverloadChanged, now: datetime) -> None:
        assert now == self.now
        if self.away:
            raise OSError("no database")
        self.recorded.append(event)


@pytest.mark.anyio
async def test_the_watch_records_each_change_once_and_measures_each_check() -> None:
    floor = Floor()
    for floor.behind_s in (0.5, 4.0, 4.5, 0.5, 0.5):
        await floor.watch.check_lag()
    assert [event.state for event in floor.recorded] == [Pace.BEHIND, Pace.NORMAL]
    assert floor.measured == [0.5, 4.0, 4.5, 0.5, 0.5]
    assert not floor.watch.behind


@pytest.mark.anyio
async def test_a_report_that_could_not_be_stored_is_recorded_at_the_next_check() -> None:
    floor = Floor()
    floor.behind_s, floor.away = 4.0, True
    with pytest.raises(OSError, match="no database"):
        await floor.watch.check_lag()
    assert not floor.watch.behind
    floor.away = False
    await floor.watch.check_lag()
    assert [event.state for event in floor.recorded] == [Pace.BEHIND]
    assert floor.watch.behind


@pytest.mark.anyio
@pytest.mark.parametrize("state", Pace)
async def test_a_run_after_one_that_was_behind_reports_the_end_of_the_lag(state: Pace) -> None:
    floor = Floor()
    floor.watch.resume(state, "none")
    await floor.watch.check_lag()
    assert [event.state for event in floor.recorded] == [Pace.NORMAL] * (state is Pace.BEHIND)


@pytest.mark.anyio
async def test_the_step_of_an_earlier_run_is_reported_to_be_over() -> None:
    floor = Floor()
    floor.watch.resume(Pace.NORMAL, "no_looks")
    floor.now += AGAIN_AFTER
    await floor.watch.check_lag()
    assert [(event.state, event.measure) for event in floor.recorded] == [(Pace.NORMAL, "none")]


@pytest.mark.anyio
async def test_a_time_in_which_the_process_stood_still_is_no_overload() -> None:
    floor = Floor()
    floor.now = at(20)
    floor.watch.note_outage(at(5), at(17))
    for floor.behind_s in (18.0, 14.0, 3.5):  # since 2, 6 and 16.5 s
        await floor.watch.check_lag()
    assert floor.measured == [6.0, 3.0, 3.0]
    assert [event.behind_s for event in floor.recorded] == [6.0]
