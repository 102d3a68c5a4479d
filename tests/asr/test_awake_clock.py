from __future__ import annotations

import pytest

from asr.awake_clock import LONGEST_S, AwakeClock


def test_a_clock_that_is_read_often_goes_as_time_goes() -> None:
    times = [100.0, 100.5, 101.5, 103.0]
    clock = AwakeClock(lambda: times.pop(0))
    assert [clock() for _ in range(3)] == [100.5, 101.5, 103.0]


@pytest.mark.parametrize("stopped_s", [3.0, 30.0, 3_600.0])
def test_a_stand_still_does_not_count(stopped_s: float) -> None:
    times = [100.0, 100.5, 100.5 + stopped_s, 101.0 + stopped_s]
    clock = AwakeClock(lambda: times.pop(0))
    assert [clock() for _ in range(3)] == [100.5, 100.5 + LONGEST_S, 101.0 + LONGEST_S]
