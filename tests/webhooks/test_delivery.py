from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.webhooks.delivery import Answer, Outcome, message_id, outcome_of
from service.webhooks.retry_schedule import (
    MOST_PROBE_S,
    MOST_RETRY_AFTER_S,
    OPENS_AFTER,
    PROBE_S,
    SCHEDULE_S,
    Breaker,
    Head,
    Pause,
    retry_after_s,
)

NOW = datetime(2026, 5, 17, 12, tzinfo=UTC)
FAILED = Answer(status=500)


@given(st.floats(0, 1))
def test_a_message_is_tried_ten_times_on_the_standards_schedule(chance: float) -> None:
    head: Head | None = Head(7)
    now, waits = NOW, []
    while head is not None:
        assert head.is_due(now)
        before, head = now, head.failed(FAILED, now, chance)
        if head is not None:
            assert head.due_at is not None
            now = head.due_at
            waits.append((now - before).total_seconds())
    assert len(waits) + 1 == len(SCHEDULE_S) == 10
    for wait, scheduled in zip(waits, SCHEDULE_S[1:], strict=True):
        assert scheduled <= wait <= scheduled * 1.1 + 1e-6


@given(st.integers(1, 8), st.floats(0.01, 1))
def test_a_probe_before_its_time_changes_nothing_on_the_schedule(
    attempts: int, early: float
) -> None:
    due = NOW + timedelta(seconds=SCHEDULE_S[attempts])
    head = Head(7, attempts, due)
    after = head.failed(FAILED, due - timedelta(seconds=early), 0.5)
    assert after == head


@given(st.integers(1, 60), st.floats(0, 1))
def test_the_breaker_opens_and_probes_at_growing_bounded_distances(
    failures: int, chance: float
) -> None:
    breaker = Breaker()
    for _ in range(failures):
        breaker = breaker.failed(NOW)
    assert breaker.is_open == (failures >= OPENS_AFTER)
    head = Head(7, 5, NOW + timedelta(hours=5))
    wait_s = (breaker.try_at(head, NOW, chance) - NOW).total_seconds()
    if breaker.is_open:
        assert PROBE_S <= wait_s <= MOST_PROBE_S * 1.1
        assert breaker.failed(NOW).try_at(head, NOW, chance) >= breaker.try_at(head, NOW, chance)
    else:
        assert wait_s == 5 * 3600


def test_whoever_has_failed_for_weeks_is_still_tried() -> None:
    head = Head(7, 5, NOW)
    wait_s = (Breaker(5_000, failed_at=NOW).try_at(head, NOW, 0.0) - NOW).total_seconds()
    assert wait_s == MOST_PROBE_S


def test_a_success_closes_the_breaker_and_what_waits_is_tried_at_once() -> None:
    open_ = Breaker().failed(NOW).failed(NOW)
    later = NOW + timedelta(minutes=1)
    closed = open_.succeeded(later)
    assert not closed.is_open
    head = Head(7, 5, NOW + timedelta(hours=5))
    assert closed.try_at(head, later, 0.0) <= later
    failed_again = closed.failed(later)  # a failure is no reason to try again at once
    assert failed_again.try_at(Head(7, 1, later + timedelta(seconds=5)), later, 0.0) > later


def test_a_receiver_that_asks_for_time_gets_it_even_from_probes() -> None:
    throttled = Answer(status=429, retry_after="120")
    head = Head(7).failed(throttled, NOW, 0.0)
    assert head is not None
    assert head.due_at == NOW + timedelta(seconds=5)
    asked = NOW + timedelta(seconds=120)
    assert Breaker().failed(NOW).try_at(head, NOW, 0.0) == asked
    assert Breaker().failed(NOW).failed(NOW).try_at(head, NOW, 0.0) == asked


RETRY_AFTER = {
    "0": 0.0,
    "17": 17.0,
    "999999999999": MOST_RETRY_AFTER_S,
    format_datetime(NOW + timedelta(seconds=30), usegmt=True): 30.0,
    format_datetime(NOW - timedelta(days=1), usegmt=True): 0.0,
    "Fri, 31 Dec 9999 23:59:59 GMT": MOST_RETRY_AFTER_S,
    "-5": 0.0,
    "soon": 0.0,
    "": 0.0,
    "1e9": 0.0,
    "١٢": 0.0,
}


@pytest.mark.parametrize("said", RETRY_AFTER)
@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_retry_after_is_honoured_within_bounds(said: str, status: int) -> None:
    assert retry_after_s(Answer(status=status, retry_after=said), NOW) == RETRY_AFTER[said]


@given(st.text())
def test_whatever_retry_after_says_it_is_bounded(said: str) -> None:
    assert 0 <= retry_after_s(Answer(status=503, retry_after=said), NOW) <= MOST_RETRY_AFTER_S


def test_only_who_throttles_may_ask_for_time() -> None:
    assert retry_after_s(Answer(status=500, retry_after="60"), NOW) == 0


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(200, Outcome.DELIVERED), (204, Outcome.DELIVERED), (299, Outcome.DELIVERED)]
    + [(status, Outcome.FAILED) for status in (100, 199, 300, 301, 307, 400, 404, 429, 500, 503)]
    + [(410, Outcome.GONE), (None, Outcome.FAILED)],
)
def test_only_two_hundred_and_something_is_a_delivery(status: int | None, outcome: Outcome) -> None:
    assert outcome_of(Answer(status=status)) is outcome


@given(st.lists(st.sampled_from([200, 429, 503, 500]), max_size=60))
def test_the_pause_grows_by_throttling_stays_bounded_and_ends(statuses: list[int]) -> None:
    pause = Pause()
    for status in statuses:
        pause = pause.after(Answer(status=status))
        assert 0 <= pause.seconds <= 10
    for _ in range(40):
        pause = pause.after(Answer(status=200))
    assert pause.seconds == 0


def test_an_event_has_one_id_at_each_endpoint() -> None:
    assert message_id("wh_1", "7") == message_id("wh_1", "7")
    assert len({message_id(endpoint, event) for endpoint in "ab" for event in "12"}) == 4
