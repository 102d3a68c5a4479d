"""Moderators' decisions about an alert. Pure: alert, history and time are arguments.

Each decision returns its event and its line of history, or None if it changes nothing. One that the
alert's state does not allow is refused with a 409 that names the person who was first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from service.alerts.alert import (
    UNDECIDED,
    Alert,
    AlertResolved,
    AlertState,
    AlertUpdated,
    Outcome,
    Step,
)
from service.clock import iso
from service.errors import Problem

NOTE = "note"
EARSHOT = "earshot"
"""Name in an alert's history for steps that no person made."""

ReopenTo = Literal[AlertState.OPEN, AlertState.ACKNOWLEDGED]


@dataclass(frozen=True, slots=True)
class Decision:
    event: AlertUpdated | AlertResolved
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
        """Decide the alert; the person becomes its owner."""
        _require(alert, history, "resolve", UNDECIDED)
        after = replace(alert, state=AlertState.RESOLVED, outcome=outcome, owner=self.name)
        step = Step(alert.id, self.now, self.name, f"resolve: {outcome}", reason)
        return Decision(AlertResolved(after, outcome, reason), step)

    def reopen(
        self, alert: Alert, history: Sequence[Step], to: ReopenTo, reason: str = ""
    ) -> Decision:
        """Overturn an outcome, or put the alert back: an open one has no owner."""
        allowed = {AlertState.RESOLVED}
        if to is AlertState.OPEN:
            allowed |= {AlertState.ACKNOWLEDGED}
        _require(alert, history, "reopen", allowed)
        owner = "" if to is AlertState.OPEN else alert.owner or self.name
        after = replace(alert, state=AlertState(to), outcome=None, owner=owner)
        return self._updated(after, "reopen", reason)

    def assign(self, alert: Alert, history: Sequence[Step], owner: str = "") -> Decision | None:
        """Make `owner` the alert's owner; empty for the person themselves."""
        owner = owner or self.name
        _require(alert, history, "assign", UNDECIDED)
        after = replace(alert, state=AlertState.ACKNOWLEDGED, owner=owner)
        return None if after == alert else self._updated(after, f"assign: {owner}", "")

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


def _require(
    alert: Alert, history: Sequence[Step], verb: str, allowed: Collection[AlertState]
) -> None:
    if alert.state in allowed:
        return
    last = next((step for step in reversed(history) if step.action != NOTE), None)
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


def _past(action: str) -> str:
    match action.partition(": "):
        case ("acknowledge", _, _):
            return "acknowledged it"
        case ("resolve", _, outcome):
            return f"{outcome} it"
        case ("reopen", _, _):
            return "reopened it"
        case ("assign", _, owner):
            return f"assigned it to {owner}"
        case ("retract", _, _):
            return "retracted it"
        case ("stand", _, _):
            return "let it stand"
        case _:
            return f"did {action!r}"
