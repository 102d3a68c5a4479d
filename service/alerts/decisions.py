"""Moderators' decisions about an alert. Pure: alert, history and time are arguments.

Each decision returns its event and its line of history, or None if it changes nothing. One that the
alert's state does not allow is refused with a 409 that names the person who was first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from policies.handling import Handling
from service.alerts.alert import (
    OUTCOMES,
    UNDECIDED,
    Alert,
    AlertEscalated,
    AlertResolved,
    AlertState,
    AlertUpdated,
    Outcome,
    Step,
)
from service.clock import iso
from service.errors import Problem

NOTE = "note"
ESCALATE = "escalate"
EARSHOT = "earshot"
"""Name in an alert's history for steps that no person made."""

_ABOUT = {
    Handling.OFFENCE: "a rule that was broken",
    Handling.HELP: "somebody who may need help",
}

ReopenTo = Literal[AlertState.OPEN, AlertState.ACKNOWLEDGED]


@dataclass(frozen=True, slots=True)
class Decision:
    event: AlertUpdated | AlertEscalated | AlertResolved
    step: Step


Decide = Callable[[Alert, Sequence[Step]], Decision | None]
"""Makes a decision from a stored alert and its history, oldest first."""


@dataclass(frozen=True, slots=True)
class Person:
    """A moderator at the moment of a decision."""

    name: str
    now: datetime

    def acknowledge(self, alert: Alert, history: Sequence[Step], reason: str = "") -> Decision:
        """Take an open alert on; the person becomes its owner."""
        _require(alert, history, "acknowledge", {AlertState.OPEN})
        after = replace(alert, state=AlertState.ACKNOWLEDGED, owner=self.name)
        return self._updated(after, "acknowledge", reason)

    def resolve(
        self, alert: Alert, history: Sequence[Step], outcome: Outcome, reason: str = ""
    ) -> Decision:
        """Decide the alert; the person becomes its owner.

        Raises:
            Problem: 409, the state does not allow it; 422, the outcome is that of another handling.
        """
        _require(alert, history, "resolve", UNDECIDED)
        _require_outcome(alert, outcome)
        after = replace(alert, state=AlertState.RESOLVED, outcome=outcome, owner=self.name)
        step = Step(alert.id, self.now, self.name, f"resolve: {outcome}", reason)
        return Decision(AlertResolved(after, outcome, reason), step)

    def reopen(
        self, alert: Alert, history: Sequence[Step], to: ReopenTo, reason: str = ""
    ) -> Decision:
        """Overturn an outcome, or put the alert back: an open one has no owner.

        An alert that was decided while it was provisional has the handling of that time. Reopened,
        it has the handling of the words that were said in the end.
        """
        allowed = {AlertState.RESOLVED}
        if to is AlertState.OPEN:
            allowed |= {AlertState.ACKNOWLEDGED}
        _require(alert, history, "reopen", allowed)
        owner = "" if to is AlertState.OPEN else alert.owner or self.name
        after = replace(
            alert, state=AlertState(to), outcome=None, owner=owner, handling=_handling_of(alert)
        )
        return self._updated(after, "reopen", reason)

    def assign(self, alert: Alert, history: Sequence[Step], owner: str = "") -> Decision | None:
        """Make `owner` the alert's owner; empty for the person themselves."""
        owner = owner or self.name
        _require(alert, history, "assign", UNDECIDED)
        after = replace(alert, state=AlertState.ACKNOWLEDGED, owner=owner)
        return None if after == alert else self._updated(after, f"assign: {owner}", "")

    def escalate(
        self, alert: Alert, history: Sequence[Step], to: str = "", reason: str = ""
    ) -> Decision | None:
        """Ask a person or team, by default the operator's on-call, to look at the alert.

        Its state and owner stay. Nothing changes if this was the last step already.
        """
        _require(alert, history, "escalate", UNDECIDED)
        step = Step(alert.id, self.now, self.name, f"{ESCALATE}: {to}" if to else ESCALATE, reason)
        last = _last_step(history)
        if last and (last.who, last.action, last.reason) == (step.who, step.action, step.reason):
            return None
        after = replace(alert, escalated_at=self.now, escalated_to=to)
        return Decision(AlertEscalated(after, reason), step)

    def note(self, alert: Alert, history: Sequence[Step], text: str) -> Decision:
        return self._updated(alert, NOTE, text)

    def _updated(self, after: Alert, action: str, reason: str) -> Decision:
        step = Step(after.id, self.now, self.name, action, reason)
        return Decision(AlertUpdated(after), step)


def let_stand(now: datetime, why: str) -> Decide:
    """Return the decision that makes a provisional alert an ordinary one."""

    def decide(alert: Alert, history: Sequence[Step]) -> Decision | None:
        if not alert.provisional or alert.state is AlertState.RETRACTED:
            return None
        after = replace(alert, provisional=False)
        return Decision(AlertUpdated(after), Step(alert.id, now, EARSHOT, "stand", why))

    return decide


def _handling_of(alert: Alert) -> Handling:
    """Return the handling of the gravest match.

    A match about self-harm without a sub-category says too little: the alert's own handling stays.
    """
    if not alert.matches:
        return alert.handling
    gravest = alert.matches[0]
    known = gravest.subcategory or gravest.handling is Handling.OFFENCE
    return gravest.handling if known else alert.handling


def _require(
    alert: Alert, history: Sequence[Step], verb: str, allowed: Collection[AlertState]
) -> None:
    if alert.state in allowed:
        return
    last = _last_step(history)
    how = f" since {last.who} {_past(last.action)} at {iso(last.at)}" if last else ""
    may = " or ".join(state for state in AlertState if state in allowed)
    raise Problem(
        409,
        "Not in this state",
        f"alert {alert.id} is {alert.state}{how}; to {verb} it, it must be {may}",
        extra={
            "state": alert.state,
            "owner": alert.owner,
            "last": last and {"who": last.who, "action": last.action, "at": iso(last.at)},
        },
    )


def _last_step(history: Sequence[Step]) -> Step | None:
    return next((step for step in reversed(history) if step.action != NOTE), None)


def _require_outcome(alert: Alert, outcome: Outcome) -> None:
    allowed = OUTCOMES[alert.handling]
    if outcome in allowed:
        return
    raise Problem(
        422,
        "Not an outcome of this alert",
        f"alert {alert.id} is about {_ABOUT[alert.handling]}; its outcome is {allowed[0]} or"
        f" {allowed[1]}, not {outcome}",
        extra={"handling": alert.handling, "outcomes": list(allowed)},
    )


def _past(action: str) -> str:
    match action.partition(": "):
        case ("acknowledge", _, _):
            return "acknowledged it"
        case ("resolve", _, "supported"):
            return "resolved it as supported"
        case ("resolve", _, "not_needed"):
            return "resolved it as not needed"
        case ("resolve", _, outcome):
            return f"{outcome} it"
        case ("reopen", _, _):
            return "reopened it"
        case ("assign", _, owner):
            return f"assigned it to {owner}"
        case ("escalate", _, to):
            return f"escalated it to {to}" if to else "escalated it"
        case ("retract", _, _):
            return "retracted it"
        case ("stand", _, _):
            return "let it stand"
        case _:
            return f"did {action!r}"
