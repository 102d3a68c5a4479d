"""What alerts need from storage."""

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
from service.listening.heard import TranscriptHeard

AlertChange = AlertRaised | AlertUpdated | AlertRetracted
"""What an utterance does to alerts."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule that fired before: which alert carries it, and when that alert was raised.

    Attributes:
        review: The alert carries it as something to be looked at, no alarm.
    """

    pack: str
    rule_id: str
    alert_id: str
    raised_at: datetime
    review: bool = False


class Order(StrEnum):
    NEWEST = "newest"
    SEVERITY = "severity"
    """The gravest first, and of equally grave ones the newest."""


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """Which alerts; what is None or empty lets all through."""

    room_id: str | None = None
    states: Collection[AlertState] = ()
    least_severity: Severity | None = None
    speaker_ids: Collection[str] = ()
    categories: Collection[str] = ()


class AlertStore(Protocol):
    async def hits(self, room_id: str, speaker_id: str, since: datetime) -> Sequence[Hit]:
        """Rules this speaker has hit in this room in alerts raised since then, latest first.

        Only of undecided alerts: what happens again after a decision is a new alert.
        """
        ...

    async def commit(
        self,
        heard: TranscriptHeard,
        alerts: Sequence[AlertChange],
        hits: Sequence[Match] = (),
    ) -> bool:
        """Record one utterance and what follows from it in one transaction.

        `hits` are all rules that applied, live or in shadow, whether an alert tells of them or not.

        Appends `transcript.heard` (when it has words) and then the alerts' events. For an
        `AlertUpdated`, the stored alert's `repeats` becomes that of the event. False, and nothing
        is written, where the utterance is on record already: work done twice finds the first.

        An `AlertRaised` of an alert that stands there provisionally confirms it: it gets the words
        and rules of the event, keeps what people decided, and `alert.updated` says so. An
        `AlertRetracted` takes it back, unless people have decided: then it stands as they left it.
        """
        ...

    async def raise_provisional(self, alert: Alert) -> bool:
        """Raise a provisional alert, or give the one that stands there the words and rules of this.

        False, and nothing is written, where the utterance is on record already, the alert is
        decided, or it says the same.
        """
        ...

    async def provisional_ids(self) -> Sequence[str]:
        """Ids of the alerts that are neither confirmed nor retracted."""
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
        """A page, and the cursor of the next one.

        Raises:
            Problem: 400, the cursor is none of ours, or of a list in the other order.
        """
        ...

    async def decide(self, alert_id: str, decide: Decide) -> Alert | None:
        """The alert after the decision; None where there is no such alert.

        `decide` is called with what is stored. The alert's state, owner and outcome, its history
        and the event are written in the same transaction, so that of two people at the same
        moment the second decides about what the first left. Whatever it raises goes through, and
        nothing is written.
        """
        ...

    async def history(self, alert_id: str) -> Sequence[Step]:
        """Oldest first."""
        ...


class ActionRequests(Protocol):
    """Has actions carried out in rooms: `service.alerts.acting.Acting`."""

    async def request(self, action: ModeratorAction) -> ModeratorAction:
        """Put it on record and begin; the one under way, where that asks for the same already."""
        ...


class ActionStore(Protocol):
    async def request(self, action: ModeratorAction) -> ModeratorAction:
        """Put a requested action on record and append `action.requested`.

        Where the same is asked of the same speaker and not over yet, nothing is written, and that
        action is returned. Who is to be muted is from now on among the room's muted speakers.
        """
        ...

    async def finish(self, action: ModeratorAction) -> None:
        """It is over: append `action.done`.

        Where muting failed, or unmuting is done, the speaker is not among the muted any more.
        """
        ...

    async def pending(self) -> Sequence[ModeratorAction]:
        """Requested and not over, oldest first."""
        ...

    async def of_alert(self, alert_id: str) -> Sequence[ModeratorAction]:
        """Oldest first."""
        ...
