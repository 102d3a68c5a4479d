"""The scheduler under overload, with a simulated clock and model."""

from __future__ import annotations

from dataclasses import replace

import pytest

from asr.overload_ladder import PATIENCE_S, Rung
from asr.reasons import OVERLOADED
from asr.scheduler import Scheduler
from asr.speech import WorkClass
from asr.windows import FULL, Windows
from tests.asr.scheduling import a_scheduler, interim, order, reasons, said


def overloaded(seconds_each: float, waiting: int, *, lanes: int = 1) -> Scheduler:
    """Return a scheduler with this time per utterance and this many waiting."""
    scheduler = a_scheduler(lanes=lanes)
    scheduler.put(said("first", speaker="first"), 0.0)
    batch, _ = scheduler.next_batch(0.0)
    assert batch is not None
    scheduler.finish_batch(batch, seconds_each)
    for number in range(waiting):
        at_s = float(number)
        scheduler.put(said(f"u{number}", speaker=f"s{number % 2}", at_s=at_s), seconds_each)
    return scheduler


def test_the_wait_is_predicted_from_the_time_of_batches() -> None:
    assert overloaded(0.5, 4).predicted_s(0.5) == 2.0
    assert overloaded(0.1, 4).rung is Rung.NONE


def test_lanes_share_the_backlog() -> None:
    scheduler = overloaded(0.5, 4, lanes=2)
    assert scheduler.predicted_s(0.5) == 1.0
    first, _ = scheduler.next_batch(0.5)
    second, _ = scheduler.next_batch(0.7)
    assert first is not None
    assert second is not None
    assert scheduler.predicted_s(0.7) == pytest.approx((0.3 + 0.5 + 2 * 0.5) / 2)
    scheduler.finish_batch(first, 1.0)
    assert scheduler.predicted_s(1.0) == pytest.approx((0.2 + 2 * 0.5) / 2)
    scheduler.finish_batch(second, 1.2)
    assert scheduler.predicted_s(1.2) == pytest.approx(2 * 0.5 / 2)


def test_overload_drops_interim_utterances_first() -> None:
    scheduler = overloaded(0.3, 5)
    scheduler.put(interim("cold", 1, speaker="eve"), 0.3)
    hot = replace(interim("hot", 1, speaker="fay"), work=WorkClass.HOT_PARTIAL)
    scheduler.put(hot, 0.3)
    assert scheduler.rung is Rung.NO_LOOKS
    batch, gone = scheduler.next_batch(0.3)
    assert reasons(gone) == {"cold": OVERLOADED}
    assert batch is not None
    assert not batch.greedy


def test_more_overload_drops_the_beam() -> None:
    batch, _ = overloaded(0.5, 5).next_batch(0.5 + PATIENCE_S)
    assert batch is not None
    assert batch.greedy
    assert [len(window) for window in batch.windows] == [1]


def test_still_more_overload_makes_utterances_share_a_window() -> None:
    scheduler = overloaded(0.5, 8)
    batch, _ = scheduler.next_batch(0.5 + PATIENCE_S)
    assert batch is not None
    assert [[one.id for one in window] for window in batch.windows] == [["u0", "u2", "u4"]]
    assert len(scheduler) == 5


def test_a_window_is_shared_where_that_makes_it_no_longer() -> None:
    scheduler = overloaded(0.5, 0)
    scheduler.window_frames = Windows((500, 1_000, FULL)).shortest_holding
    for number, seconds in enumerate((2, 4, 2, 1, 9)):
        scheduler.put(said(f"u{number}", speaker="z", seconds=seconds, at_s=10.0 * number), 0.5)
    for number in range(8):
        scheduler.put(said(f"other {number}", speaker=f"s{number}"), 0.6)
    batch, _ = scheduler.next_batch(0.6 + PATIENCE_S)
    assert batch is not None
    assert [[one.id for one in window] for window in batch.windows] == [["u0", "u2"]]


def test_the_wait_is_predicted_from_utterances_not_windows() -> None:
    scheduler = overloaded(0.5, 8)
    now_s = 0.5 + PATIENCE_S
    for _ in range(2):
        batch, _ = scheduler.next_batch(now_s)
        assert batch is not None
        assert len(batch.utterances) == 3
        now_s += 0.6
        scheduler.finish_batch(batch, now_s)
    # 0.5 s alone and twice 0.2 s together: 0.8 of the mean so far and 0.2 of the newest.
    assert scheduler.predicted_s(now_s) == pytest.approx(2 * 0.392)


def test_a_part_of_unbroken_speech_shares_no_window() -> None:
    scheduler = overloaded(0.5, 8)
    scheduler.put(replace(said("part", speaker="z"), part=1, work=WorkClass.HOT_FINAL), 0.5)
    scheduler.put(said("other", speaker="z"), 0.5)
    batch, _ = scheduler.next_batch(0.5 + PATIENCE_S)
    assert batch is not None
    assert [one.id for one in batch.utterances] == ["part"]


def test_a_shared_window_is_no_longer_than_the_models() -> None:
    scheduler = a_scheduler()
    scheduler.put(said("first", speaker="first"), 0.0)
    batch, _ = scheduler.next_batch(0.0)
    assert batch is not None
    scheduler.finish_batch(batch, 5.0)
    for number in range(3):
        scheduler.put(said(f"u{number}", seconds=12, at_s=number * 13), 5.0)
    batch, _ = scheduler.next_batch(5.0 + PATIENCE_S)
    assert batch is not None
    assert [one.id for one in batch.utterances] == ["u0", "u1"]


def test_overload_ends_without_new_speech() -> None:
    scheduler = overloaded(0.5, 8)
    assert scheduler.update_rung(0.5 + PATIENCE_S) is Rung.COALESCE
    order(scheduler, 0.5 + PATIENCE_S)
    rungs = [scheduler.update_rung(10.0 + second) for second in range(12)]
    assert rungs[-1] is Rung.NONE
