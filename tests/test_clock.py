"""The process's wall clock never goes back, and is right again after a while."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from service.clock import SteadyClock, utc_now

STARTED_S = 1_700_000_000.0


class Machine:
    """Clocks of a machine whose wall clock may be stepped."""

    def __init__(self) -> None:
        self.pace_s = 0.0
        self.off_s = 0.0
        self.clock = SteadyClock(lambda: STARTED_S + self.pace_s + self.off_s, lambda: self.pace_s)

    def shown_s(self, after_s: float, *, step_s: float = 0.0) -> float:
        """Let time pass and step the wall clock; return what the clock shows, since the start."""
        self.pace_s += after_s
        self.off_s += step_s
        return self.clock().timestamp() - STARTED_S


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(-1e4, 1e4))))
def test_the_clock_never_goes_back(moves: list[tuple[float, float]]) -> None:
    machine = Machine()
    shown = [machine.shown_s(after_s, step_s=step_s) for after_s, step_s in moves]
    assert all(before <= after for before, after in pairwise(shown))


def test_a_step_forward_is_followed_at_once() -> None:
    machine = Machine()
    machine.shown_s(1)
    assert round(machine.shown_s(1, step_s=3_600), 3) == 3_602


def test_after_a_step_backward_the_clock_goes_on_slower_until_it_is_right() -> None:
    machine = Machine()
    machine.shown_s(10)
    assert round(machine.shown_s(0, step_s=-10), 3) == 10
    assert round(machine.shown_s(50), 3) == 55  # the wall clock has 50
    assert round(machine.shown_s(50), 3) == 100
    assert round(machine.shown_s(50), 3) == 150


def test_it_shows_the_wall_clock_in_utc() -> None:
    assert utc_now() <= utc_now()
    assert utc_now().utcoffset() is not None
