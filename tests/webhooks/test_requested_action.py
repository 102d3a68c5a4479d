from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.alerts.action import ActionRequested
from service.feed.event import data
from service.feed.ports import Recorded
from service.webhooks.delivery import Answer
from service.webhooks.requested_action import (
    MOST_RETRY_AFTER_S,
    RETRY_S,
    RequestedAction,
    requested_action,
    retry_wait_s,
)
from tests.storage.examples import an_action

NOW = datetime(2026, 5, 17, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LIVES_S = 30.0


def event(**changes: Any) -> Recorded:
    action = replace(an_action(), requested_at=NOW, expires_at=NOW + LIVES_S * SECOND)
    return Recorded(7, ActionRequested.type, NOW, "lobby", data(ActionRequested(action)) | changes)


def taken(age_s: float, loop_s: float = 100.0) -> RequestedAction:
    action = requested_action(event(), NOW + age_s * SECOND, loop_s)
    assert action is not None
    return action


@given(st.floats(-3600, 60), st.floats(-3600, 3600), st.floats(0, 60))
def test_an_action_outlives_its_time_on_neither_clock(
    age_s: float, step_s: float, later_s: float
) -> None:
    """The wall clock is `age_s` past the request, and then set by `step_s`."""
    action = taken(age_s)
    now = NOW + (age_s + step_s + later_s) * SECOND
    if later_s >= LIVES_S or now >= action.expires_at:
        assert action.is_expired(now, 100.0 + later_s)


def test_an_action_lives_until_it_expires() -> None:
    action = taken(5.0)
    assert not action.is_expired(NOW + 29 * SECOND, 124.0)
    assert action.is_expired(NOW + 30 * SECOND, 124.0)
    assert action.is_expired(NOW, 125.0)


@pytest.mark.parametrize("expires_at", [None, "", "soon", 7, "2026-05-17T12:00:30"])
def test_an_event_without_an_expiry_is_no_action_to_send(expires_at: Any) -> None:
    assert requested_action(event(expires_at=expires_at), NOW, 0.0) is None


@given(st.integers(1, 500), st.floats(0, 1), st.sampled_from(["", "0", "3", "99999", "soon"]))
def test_waits_between_attempts_are_short(attempts: int, chance: float, said: str) -> None:
    answer = Answer(status=503, retry_after=said)
    wait_s = retry_wait_s(attempts, answer, NOW, chance)
    assert RETRY_S[0] <= wait_s <= MOST_RETRY_AFTER_S
    assert wait_s >= retry_wait_s(1, Answer(status=500), NOW, 0.0)
