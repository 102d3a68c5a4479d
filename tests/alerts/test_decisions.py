from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from policies.handling import Handling
from service.alerts.alert import (
    OUTCOMES,
    Alert,
    AlertEscalated,
    AlertResolved,
    AlertState,
    AlertUpdated,
    Outcome,
    Step,
)
from service.alerts.decisions import Decide, Decision, Person, ReopenTo
from service.errors import Problem
from tests.storage.examples import NOW, an_alert

ANN = Person("Ann", NOW)
BOB = Person("Bob", NOW + timedelta(seconds=5))

OPEN = an_alert()
TAKEN = replace(OPEN, state=AlertState.ACKNOWLEDGED, owner="Ann")
DECIDED = replace(TAKEN, state=AlertState.RESOLVED, outcome=Outcome.UPHELD)
WITHDRAWN = replace(OPEN, state=AlertState.RETRACTED)


def after(decision: Decision | None) -> tuple[str, str, str | None, str]:
    """State, owner, outcome, and the action in the history."""
    assert decision is not None
    alert = decision.event.alert
    assert decision.step.alert_id == alert.id
    return alert.state, alert.owner, alert.outcome, decision.step.action


def test_the_person_who_acknowledges_becomes_the_owner() -> None:
    decision = ANN.acknowledge(OPEN, [], "listening in")
    assert after(decision) == ("acknowledged", "Ann", None, "acknowledge")
    assert decision.step == Step("a1", NOW, "Ann", "acknowledge", "listening in")
    assert isinstance(decision.event, AlertUpdated)


@pytest.mark.parametrize("alert", [OPEN, TAKEN])
def test_resolving_stores_the_outcome_and_makes_the_person_the_owner(alert: Alert) -> None:
    decision = BOB.resolve(alert, [], Outcome.DISMISSED, "a joke")
    assert after(decision) == ("resolved", "Bob", "dismissed", "resolve: dismissed")
    assert decision.event == AlertResolved(decision.event.alert, Outcome.DISMISSED, "a joke")


@pytest.mark.parametrize("alert", [TAKEN, DECIDED])
def test_an_alert_reopened_to_open_has_no_owner_and_no_outcome(alert: Alert) -> None:
    assert after(BOB.reopen(alert, [], AlertState.OPEN)) == ("open", "", None, "reopen")


@pytest.mark.parametrize(("owner", "then"), [("Ann", "Ann"), ("", "Bob")])
def test_an_alert_reopened_to_acknowledged_keeps_its_owner(owner: str, then: str) -> None:
    decided = replace(DECIDED, owner=owner)
    decision = BOB.reopen(decided, [], AlertState.ACKNOWLEDGED)
    assert after(decision) == ("acknowledged", then, None, "reopen")


@pytest.mark.parametrize("alert", [OPEN, TAKEN])
def test_assigning_names_the_new_owner(alert: Alert) -> None:
    decision = BOB.assign(alert, [], "Cy")
    assert after(decision) == ("acknowledged", "Cy", None, "assign: Cy")
    assert after(BOB.assign(alert, [])) == ("acknowledged", "Bob", None, "assign: Bob")


def test_assigning_to_the_owner_changes_nothing() -> None:
    assert ANN.assign(TAKEN, []) is None


@pytest.mark.parametrize("alert", [OPEN, TAKEN, DECIDED, WITHDRAWN])
def test_a_note_changes_nothing_else_in_any_state(alert: Alert) -> None:
    decision = BOB.note(alert, [], "heard it before")
    assert decision.event == AlertUpdated(alert)
    assert decision.step == Step("a1", BOB.now, "Bob", "note", "heard it before")


def refusal(act: str, alert: Alert, *history: Step, to: ReopenTo = AlertState.OPEN) -> Problem:
    decide: dict[str, Decide] = {
        "acknowledge": BOB.acknowledge,
        "resolve": partial(BOB.resolve, outcome=Outcome.UPHELD),
        "reopen": partial(BOB.reopen, to=to),
        "assign": BOB.assign,
    }
    with pytest.raises(Problem) as caught:
        decide[act](alert, history)
    assert caught.value.status == 409
    return caught.value


@pytest.mark.parametrize(
    ("act", "alert"),
    [
        ("acknowledge", TAKEN),
        ("acknowledge", DECIDED),
        ("acknowledge", WITHDRAWN),
        ("resolve", DECIDED),
        ("resolve", WITHDRAWN),
        ("reopen", OPEN),
        ("reopen", WITHDRAWN),
        ("assign", DECIDED),
        ("assign", WITHDRAWN),
    ],
)
def test_a_step_that_the_state_does_not_allow_is_409(act: str, alert: Alert) -> None:
    problem = refusal(act, alert)
    assert f"alert a1 is {alert.state}; to {act} it, it must be " in problem.detail


def test_reopening_from_acknowledged_to_acknowledged_is_409() -> None:
    problem = refusal("reopen", TAKEN, to=AlertState.ACKNOWLEDGED)
    assert problem.detail.endswith("to reopen it, it must be resolved")


@pytest.mark.parametrize(
    ("action", "past"),
    [
        ("acknowledge", "acknowledged it"),
        ("resolve: upheld", "upheld it"),
        ("resolve: dismissed", "dismissed it"),
        ("reopen", "reopened it"),
        ("assign: Cy: the second", "assigned it to Cy: the second"),
    ],
)
def test_a_refusal_says_who_did_what_and_when(action: str, past: str) -> None:
    first = Step("a1", NOW - timedelta(minutes=5), "Cy", "reopen")
    did = Step("a1", NOW, "Ann", action)
    noted = Step("a1", NOW, "Dee", "note", "hm")
    problem = refusal("acknowledge", TAKEN, first, did, noted)
    assert problem.detail == (
        f"alert a1 is acknowledged since Ann {past} at 2026-05-17T12:00:00.123Z; "
        "to acknowledge it, it must be open"
    )
    assert problem.extra == {
        "state": "acknowledged",
        "owner": "Ann",
        "last": {"who": "Ann", "action": action, "at": "2026-05-17T12:00:00.123Z"},
    }


@pytest.mark.parametrize("handling", list(Handling))
@pytest.mark.parametrize("outcome", list(Outcome))
def test_an_alert_has_only_the_outcomes_of_its_handling(
    handling: Handling, outcome: Outcome
) -> None:
    alert = replace(OPEN, handling=handling)
    if outcome in OUTCOMES[handling]:
        assert after(ANN.resolve(alert, [], outcome))[2] == outcome
        return
    with pytest.raises(Problem) as refused:
        ANN.resolve(alert, [], outcome)
    assert refused.value.status == 422
    right = " or ".join(OUTCOMES[handling])
    assert refused.value.detail.endswith(f"its outcome is {right}, not {outcome}")


@pytest.mark.parametrize("alert", [OPEN, TAKEN])
def test_escalating_keeps_state_and_owner(alert: Alert) -> None:
    decision = BOB.escalate(alert, [], "night shift", "a child")
    assert after(decision) == (alert.state, alert.owner, None, "escalate: night shift")
    assert decision is not None
    escalated = replace(alert, escalated_at=BOB.now, escalated_to="night shift")
    assert decision.event == AlertEscalated(escalated, "a child")


def test_an_alert_is_escalated_to_the_operators_on_call_by_default() -> None:
    decision = BOB.escalate(OPEN, [])
    assert after(decision) == ("open", "", None, "escalate")
    assert decision is not None
    assert decision.event.alert.escalated_at == BOB.now


def test_the_same_escalation_again_changes_nothing_and_another_one_does() -> None:
    first = ANN.escalate(OPEN, [], "Cy")
    assert first is not None
    alert, history = first.event.alert, [first.step]
    assert ANN.escalate(alert, history, "Cy") is None
    assert ANN.escalate(alert, history, "Di") is not None
    assert BOB.escalate(alert, history, "Cy") is not None
    reopened = BOB.reopen(replace(alert, state=AlertState.RESOLVED), history, AlertState.OPEN)
    assert reopened.event.alert.escalated_to == "Cy"
    assert ANN.escalate(reopened.event.alert, [*history, reopened.step], "Cy") is not None


@pytest.mark.parametrize("alert", [DECIDED, WITHDRAWN])
def test_an_alert_that_is_over_cannot_be_escalated(alert: Alert) -> None:
    with pytest.raises(Problem, match="to escalate it, it must be open or acknowledged"):
        BOB.escalate(alert, [], "Cy")


@pytest.mark.parametrize(
    ("done", "said"),
    [
        ("escalate: Cy", "escalated it to Cy"),
        ("escalate", "escalated it"),
        ("resolve: supported", "resolved it as supported"),
        ("resolve: not_needed", "resolved it as not needed"),
    ],
)
def test_a_refusal_says_what_was_done_before(done: str, said: str) -> None:
    with pytest.raises(Problem, match=f"since Ann {said} at"):
        BOB.acknowledge(DECIDED, [Step("a1", NOW, "Ann", done)])


@pytest.mark.parametrize(
    ("subcategory", "then"), [("ideation", Handling.HELP), ("", Handling.OFFENCE)]
)
def test_a_reopened_alert_has_the_handling_of_its_gravest_match(
    subcategory: str, then: Handling
) -> None:
    gravest = replace(OPEN.matches[0], category="suicide_self_harm", subcategory=subcategory)
    upheld = replace(DECIDED, matches=(gravest, *OPEN.matches[1:]))
    assert BOB.reopen(upheld, [], AlertState.OPEN).event.alert.handling is then
