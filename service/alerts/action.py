"""Moderators' actions in a room because of an alert, and what may become of each."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar

from service.alerts.alert import Alert
from service.clock import Timestamp
from service.errors import Problem
from service.rooms.actions import Carrier, RoomAction


class ActionState(StrEnum):
    PENDING = "pending"
    """Nobody has confirmed it yet."""
    DONE = "done"
    """The room server has confirmed it."""
    FAILED = "failed"
    """The room server could not do it, or did not confirm it in time."""


class ActionOutcome(StrEnum):
    """Outcome of an action, as the room server reports it."""

    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ModeratorAction:
    """
    Attributes:
        speaker_id: Id of the person in the room. An alert's speaker `ann=f2`, who came in as `ann`
            while somebody else had that id, is the person `ann`.
        requested_by: Name of the moderator; `the room server` for an action made there.
        reason: Moderator's reason, in their words.
        message: Text for a warned speaker.
        expires_at: Time after which it is not carried out any more; `failed` if not confirmed then.
        detail: Confirmation of the room server, or the reason of a failure.
        delivered_at: Time of the first answer 2xx of a webhook: it arrived, and is not done by it.
        late: True if its result came after `expires_at`.
        carrier: Part that carries it out: `webhook`, the room server; `connector`, earshot itself.
        confirmed_by: Name of the key or webhook that gave the result; empty while nobody has.
    """

    id: str
    alert_id: str
    room_id: str
    speaker_id: str
    speaker_name: str
    action: RoomAction
    state: ActionState
    requested_by: str
    reason: str
    message: str
    requested_at: Timestamp
    expires_at: Timestamp
    finished_at: Timestamp | None = None
    detail: str = ""
    delivered_at: Timestamp | None = None
    late: bool = False
    carrier: Carrier = Carrier.WEBHOOK
    confirmed_by: str = ""

    @property
    def expired(self) -> bool:
        """Whether it failed because nobody gave a result in time."""
        return self.state is ActionState.FAILED and not self.confirmed_by


@dataclass(frozen=True, slots=True)
class ActionRequested:
    """A moderator requested an action."""

    type: ClassVar[str] = "action.requested"
    action: ModeratorAction


@dataclass(frozen=True, slots=True)
class ActionDone:
    """The room server confirmed the action."""

    type: ClassVar[str] = "action.done"
    action: ModeratorAction


@dataclass(frozen=True, slots=True)
class ActionFailed:
    """The room server could not do it, or did not confirm it in time."""

    type: ClassVar[str] = "action.failed"
    action: ModeratorAction


def request_action(
    alert: Alert,
    action: RoomAction,
    person: str,
    who: str,
    now: datetime,
    *,
    carrier: Carrier,
    timeout: timedelta,
    reason: str,
    message: str,
) -> ModeratorAction:
    """Return a new action of moderator `who` on this person, or on the alert's room."""
    return ModeratorAction(
        id=f"ac_{secrets.token_hex(8)}",
        alert_id=alert.id,
        room_id=alert.room_id,
        speaker_id=person,
        speaker_name=alert.speaker_name,
        action=action,
        state=ActionState.PENDING,
        requested_by=who,
        reason=reason,
        message=message,
        requested_at=now,
        expires_at=now + timeout,
        carrier=carrier,
    )


def apply_result(
    action: ModeratorAction, outcome: ActionOutcome, reason: str, who: str, now: datetime
) -> ModeratorAction:
    """Return the action with the result that `who` gives for it.

    The first result stands. One that comes after `expires_at` is taken, and marked as late. The
    same outcome again changes nothing: the action itself is returned.

    Raises:
        Problem: 409, another outcome stands.
    """
    state = ActionState(outcome)
    if action.state is ActionState.PENDING or action.expired:
        return replace(
            action,
            state=state,
            detail=reason,
            finished_at=now,
            late=now > action.expires_at,
            confirmed_by=who,
        )
    if action.state is state:
        return action
    raise Problem(
        409,
        "Another result stands",
        f"action {action.id} is {action.state}, as {action.confirmed_by} said at "
        f"{action.finished_at:%Y-%m-%dT%H:%M:%SZ}; the first result stands, so that {outcome} is "
        "not taken. If it is not so in the room any more, ask for another action",
    )


def record_delivery(action: ModeratorAction, at: datetime) -> ModeratorAction:
    """Return the action as delivered; the first delivery stands."""
    return action if action.delivered_at is not None else replace(action, delivered_at=at)


def fail(action: ModeratorAction, reason: str, now: datetime) -> ModeratorAction:
    """Return a pending action as failed, because nobody confirmed it. A finished one stays."""
    if action.state is not ActionState.PENDING:
        return action
    return replace(action, state=ActionState.FAILED, detail=reason, finished_at=now)


def expire(action: ModeratorAction, now: datetime) -> ModeratorAction:
    """Return a pending action as failed, with what is known. A finished one stays."""
    limit_s = (action.expires_at - action.requested_at).total_seconds()
    if action.carrier is Carrier.CONNECTOR:
        reason = f"not confirmed in {limit_s:g} s, and not tried any more"
    elif action.delivered_at is None:
        reason = f"never delivered: no webhook answered with 2xx in {limit_s:g} s"
    else:
        reason = (
            f"no receiver confirmed it in {limit_s:g} s; delivered at "
            f"{action.delivered_at:%H:%M:%S} UTC"
        )
    return fail(action, reason, now)
