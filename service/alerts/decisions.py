"""What people decide about an alert. Pure: the alert as it is, its history and the time come in.

Each decision gives the event and the line of history it leaves behind, or None where there is
nothing to change, or refuses with a 409 that says who was first.
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
"""Who does what nobody did, in an alert's history."""

ReopenTo = Literal[AlertState.OPEN, AlertState.ACKNOWLEDGED]


@dataclass(frozen=True, slots=True)
class Decision:
    event: AlertUpdated | AlertResolved
    step: Step


Decide = Callable[[Alert, Sequence[Step]], Decision | None]
"""From an alert as stored and its history (oldest first)."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who decides, and when."""

    name: str
    now: datetime

    def acknowledge(self, alert: Alert, history: Sequence[Step], reason: str = "") -> Decision:
        """The alert is theirs from now on."""
        _require(alert, history, "acknowledge", {AlertState.OPEN})
        after = replace(alert, state=AlertState.ACKNOWLEDGED, owner=self.name)
        return self._updated(after, "acknowledge", reason)

    def resolve(
        self, alert: Alert, history: Sequence[Step], outcome: Outcome, reason: str = ""
    ) -> Decision:
        """Whoever decides owns it from now on, whoever had taken it on."""
        _require(alert, history, "resolve", UNDECIDED)
        after = replace(alert, state=AlertState.RESOLVED, outcome=outcome, owner=self.name)
        step = Step(alert.id, self.now, self.name, f"resolve: {outcome}", reason)
        return Decision(AlertResolved(after, outcome, reason), step)

    def reopen(
        self, alert: Alert, history: Sequence[Step], to: ReopenTo, reason: str = ""
    ) -> Decision:
        """Overturn an outcome, or put the alert back for others: `to` open it is nobody's."""
        allowed = {AlertState.RESOLVED}
        if to is AlertState.OPEN:
            allowed |= {AlertState.ACKNOWLEDGED}
        _require(alert, history, "reopen", allowed)
        owner = "" if to is AlertState.OPEN else alert.owner or self.name
        after = replace(alert, state=AlertState(to), outcome=None, owner=owner)
        return self._updated(after, "reopen", reason)

    def assign(self, alert: Alert, history: Sequence[Step], owner: str = "") -> Decision | None:
        """Somebody else's, or (empty) the person's own from now on."""
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
    """A provisional alert whose confirmation will never come is an alert like any other."""

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
