"""Steps from one state of an action to the next."""

from __future__ import annotations

from dataclasses import replace

import pytest

from service.alerts.action import (
    ActionOutcome,
    ActionState,
    ModeratorAction,
    apply_result,
    expire,
    record_delivery,
)
from service.errors import Problem
from service.rooms.actions import Carrier
from tests.storage.examples import NOW, SECOND, an_action

IN_TIME = NOW + 29 * SECOND
LATE = NOW + 31 * SECOND


def done(action: ModeratorAction, **changes: object) -> ModeratorAction:
    outcome = ActionOutcome.DONE
    return replace(apply_result(action, outcome, "muted", "bot", IN_TIME), **changes)  # type: ignore[arg-type]


def test_the_first_result_stands() -> None:
    result = done(an_action())
    assert (result.state, result.detail, result.confirmed_by) == ("done", "muted", "bot")
    assert (result.finished_at, result.late) == (IN_TIME, False)
    assert apply_result(result, ActionOutcome.DONE, "again", "other", LATE) is result
    with pytest.raises(Problem) as problem:
        apply_result(result, ActionOutcome.FAILED, "no", "other", LATE)
    assert problem.value.status == 409
    assert "is done, as bot said at" in problem.value.detail


@pytest.mark.parametrize("outcome", ActionOutcome)
def test_a_late_result_replaces_the_failure_by_time(outcome: ActionOutcome) -> None:
    expired = expire(an_action(), NOW + 30 * SECOND)
    assert expired.state is ActionState.FAILED
    result = apply_result(expired, outcome, "here it is", "bot", LATE)
    assert (result.state, result.late, result.detail) == (ActionState(outcome), True, "here it is")


def test_a_late_result_before_the_failure_by_time_is_late_too() -> None:
    assert apply_result(an_action(), ActionOutcome.DONE, "", "bot", LATE).late


def test_a_failure_that_the_room_server_reported_stands() -> None:
    failed = apply_result(an_action(), ActionOutcome.FAILED, "no such speaker", "bot", IN_TIME)
    with pytest.raises(Problem):
        apply_result(failed, ActionOutcome.DONE, "", "bot", LATE)
    assert expire(failed, LATE) is failed


def test_an_action_that_expires_says_what_is_known() -> None:
    never = expire(an_action(), LATE).detail
    assert never == "never delivered: no webhook answered with 2xx in 30 s"
    delivered = expire(record_delivery(an_action(), NOW + SECOND), LATE).detail
    assert delivered.startswith("no receiver confirmed it in 30 s; delivered at ")
    ours = expire(an_action(carrier=Carrier.CONNECTOR), LATE).detail
    assert ours == "not confirmed in 30 s, and not tried any more"
