"""Moderators' actions in a room because of an alert."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar

from service.alerts.alert import Alert
from service.clock import Timestamp
from service.rooms.actions import RoomAction

TIMEOUT_S = 30.0


class ActionState(StrEnum):
    REQUESTED = "requested"
    DONE = "done"
    FAILED = "failed"


class ActionOutcome(StrEnum):
    """Outcome of an action that a room server reports."""

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
        expires_at: Time after which the action is not sent to a room server any more.
        detail: Confirmation of the room server, or the reason of a failure.
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


@dataclass(frozen=True, slots=True)
class ActionRequested:
    type: ClassVar[str] = "action.requested"
    action: ModeratorAction


@dataclass(frozen=True, slots=True)
class ActionDone:
    """The room server confirmed the action, or the action failed: see its state."""

    type: ClassVar[str] = "action.done"
    action: ModeratorAction


def request_action(
    alert: Alert,
    action: RoomAction,
    person: str,
    who: str,
    now: datetime,
    *,
    reason: str,
    message: str,
    timeout_s: float = TIMEOUT_S,
) -> ModeratorAction:
    """Return a new action of moderator `who` on this person, or on the alert's room."""
    return ModeratorAction(
        id=f"ac_{secrets.token_hex(8)}",
        alert_id=alert.id,
        room_id=alert.room_id,
        speaker_id=person,
        speaker_name=alert.speaker_name,
        action=action,
        state=ActionState.REQUESTED,
        requested_by=who,
        reason=reason,
        message=message,
        requested_at=now,
        expires_at=now + timedelta(seconds=timeout_s),
    )
