"""Moderators' actions in a room because of an alert."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from service.alerts.alert import Alert
from service.clock import Timestamp
from service.rooms.actions import RoomAction


class ActionState(StrEnum):
    REQUESTED = "requested"
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
    id_: str,
) -> ModeratorAction:
    """Return a new action of moderator `who` on this person, or on the alert's room."""
    return ModeratorAction(
        id=id_,
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
    )
