"""Ports of alerts to storage and to the rooms."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from policies.match import Match
from policies.severity import Severity
from service.alerts.action import ModeratorAction
from service.alerts.alert import (
    Alert,
    AlertRaised,
    AlertRetracted,
    AlertState,
    AlertUpdated,
    Step,
)
from service.alerts.decisions import Decide
from service.listening.events import TranscriptHeard

AlertChange = AlertRaised | AlertUpdated | AlertRetracted
"""Change of an alert because of one utterance."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule hit of the past, and its alert.

    Attributes:
        raised_at: Time of the alert.
        review: True if the alert has it for review, without alarm.
    """

    pack: str
    rule_id: str
    alert_id: str
    raised_at: datetime
    review: bool = False


class Order(StrEnum):
    NEWEST = "newest"
    SEVERITY = "severity"
    """Gravest first; newest first among equal severities."""


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """Conditions for a list of alerts; None or empty sets no condition."""

    room_id: str | None = None
    states: Collection[AlertState] = ()
    least_severity: Severity | None = None
    speaker_ids: Collection[str] = ()
    categories: Collection[str] = ()


class AlertStore(Protocol):
    async def hits(self, room_id: str, speaker_id: str, since: datetime) -> Sequence[Hit]:
        """Return the speaker's hits in alerts of this room raised since then, latest first.

        Only undecided alerts count: a hit after a decision makes a new alert.
        """
        ...

    async def commit(
        self,
        heard: TranscriptHeard,
        alerts: Sequence[AlertChange],
        hits: Sequence[Match] = (),
    ) -> bool:
        """Store one utterance, its hits and its alerts in one transaction.

        Appends `transcript.heard` (if there are words) and then the alerts' events.

        An `AlertUpdated` sets the stored alert's `repeats`. An `AlertRaised` confirms a provisional
        alert of the same id: the alert gets the words and rules of the event and keeps people's
        decisions; its event is `alert.updated`. An `AlertRetracted` retracts a provisional alert,
        unless a person has decided it: then it stays as decided.

        Args:
            hits: Matches of all rules, active or in shadow, whether an alert has them or not.

        Returns:
            False, and nothing is written, if the utterance is stored already.
        """
        ...

    async def raise_provisional(self, alert: Alert) -> bool:
        """Raise a provisional alert, or give the one that exists these words and rules.

        Returns:
            False, and nothing is written, if the utterance is stored already, if the alert is
            decided or confirmed, or if nothing would change.
        """
        ...

    async def provisional_ids(self) -> Sequence[str]:
        """Return the ids of alerts that are neither confirmed nor retracted."""
        ...

    async def get(self, alert_id: str) -> Alert | None: ...

    async def page(
        self,
        wanted: AlertFilter,
        *,
        limit: int,
        cursor: str | None = None,
        order: Order = Order.NEWEST,
    ) -> tuple[Sequence[Alert], str | None]:
        """Return a page, and the cursor of the next one.

        Raises:
            Problem: 400, the cursor is invalid or belongs to the other order.
        """
        ...

    async def decide(self, alert_id: str, decide: Decide) -> Alert | None:
        """Call `decide` with the stored alert, and store its decision in the same transaction.

        Of two people at the same moment, the second decides about the result of the first. If
        `decide` raises, nothing is written.

        Returns:
            The alert after the decision; None if there is no such alert.
        """
        ...

    async def history(self, alert_id: str) -> Sequence[Step]:
        """Return the alert's history, oldest first."""
        ...


class ActionRequests(Protocol):
    """Requests for actions in rooms: `service.alerts.action_runner.ActionRunner`."""

    async def request(self, action: ModeratorAction) -> ModeratorAction:
        """Store the action and begin it. If the same is under way already, return that one."""
        ...

    async def find(self, action_id: str) -> ModeratorAction | None:
        """Return a stored action."""
        ...


class ActionStore(Protocol):
    async def request(self, action: ModeratorAction) -> ModeratorAction:
        """Store a requested action and append `action.requested`.

        A mute adds the speaker to the room's muted speakers.

        Returns:
            The action. If the same action on the same speaker is not over yet, that one, and
            nothing is written.
        """
        ...

    async def find(self, action_id: str) -> ModeratorAction | None:
        """Return a stored action."""
        ...

    async def finish(self, action: ModeratorAction) -> None:
        """Store the result and append `action.done`.

        A mute that failed, or an unmute that is done, removes the speaker from the muted ones.
        """
        ...

    async def pending(self) -> Sequence[ModeratorAction]:
        """Return the requested actions that are not over, oldest first."""
        ...

    async def of_alert(self, alert_id: str) -> Sequence[ModeratorAction]:
        """Return the alert's actions, oldest first."""
        ...
