from __future__ import annotations

from dataclasses import replace

import pytest

from service.rooms.clock_watch import Cause, ClockStep, ClockWatch, Reading, StandStill

FIRST = Reading(loop_s=100.0, boot_s=150.0, wall_s=5_000.0, busy_s=9.0)


def passed(seconds: float, *, busy_s: float = 0.0) -> Reading:
    """Return the reading after a time in which no clock was odd."""
    return Reading(
        FIRST.loop_s + seconds,
        FIRST.boot_s + seconds,
        FIRST.wall_s + seconds,
        FIRST.busy_s + busy_s,
    )


def found(now: Reading) -> list[StandStill | ClockStep]:
    watch = ClockWatch()
    assert watch.observe(FIRST) == []
    return watch.observe(now)


@pytest.mark.parametrize("seconds", [0.02, 0.9])
def test_a_loop_that_is_a_little_late_did_not_stand_still(seconds: float) -> None:
    assert found(passed(seconds)) == []


@pytest.mark.parametrize(
    ("busy_s", "cause"), [(0.0, Cause.STOPPED), (1.0, Cause.STOPPED), (11.5, Cause.BUSY)]
)
def test_a_stand_still_is_measured_with_its_cause(busy_s: float, cause: Cause) -> None:
    assert found(passed(12.0, busy_s=busy_s)) == [StandStill(12.0, cause)]


def test_a_machine_that_slept_is_seen_by_the_clock_that_goes_on() -> None:
    slept = replace(passed(0.02), boot_s=FIRST.boot_s + 3_600.02, wall_s=FIRST.wall_s + 3_600.02)
    [still] = found(slept)
    assert isinstance(still, StandStill)
    assert (round(still.seconds, 3), still.cause) == (3_600.0, Cause.SUSPENDED)


@pytest.mark.parametrize("seconds", [600.0, -600.0, 0.6])
def test_a_step_of_the_wall_clock_is_no_stand_still(seconds: float) -> None:
    [step] = found(replace(passed(0.02), wall_s=FIRST.wall_s + 0.02 + seconds))
    assert isinstance(step, ClockStep)
    assert step.seconds == pytest.approx(seconds)


def test_a_stand_still_is_told_once() -> None:
    watch = ClockWatch()
    watch.observe(FIRST)
    assert len(watch.observe(passed(12.0))) == 1
    assert watch.observe(passed(12.02)) == []
