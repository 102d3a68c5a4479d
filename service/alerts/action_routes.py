"""Acting on an alert over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Protocol

from fastapi import APIRouter, Depends
from pydantic import Field, StringConstraints

from service.access.authenticate import Caller
from service.access.dependency import allow
from service.access.keys import PLAIN, Role
from service.alerts.action import ModeratorAction, request_action
from service.alerts.helplines import Helpline
from service.alerts.ports import ActionRequests, AlertStore
from service.alerts.routes import AlertId, Reason, require_alert
from service.alerts.suggested_message import suggest_message
from service.clock import Clock
from service.errors import Problem
from service.provider import Provider
from service.rooms.actions import RoomAction
from service.rooms.control import RoomControl
from service.rooms.room import Room

router = APIRouter(tags=["alerts"])


class ActionParts(Protocol):
    @property
    def alerts(self) -> AlertStore: ...
    @property
    def rooms(self) -> RoomControl: ...
    @property
    def helplines(self) -> Sequence[Helpline]: ...
    @property
    def action_requests(self) -> ActionRequests: ...
    @property
    def clock(self) -> Clock: ...


ACTIONS = Provider[ActionParts]()
Parts = Annotated[ActionParts, Depends(ACTIONS)]

Acts = Annotated[Caller, Depends(allow(Role.MODERATOR, Role.ADMIN))]
Message = Annotated[str, StringConstraints(strip_whitespace=True, max_length=300, pattern=PLAIN)]


class NewAction(Reason):
    action: RoomAction
    message: Message = Field(
        "", description="`warn`: text for the speaker; a suggested one by default."
    )


@router.post("/v1/alerts/{alert_id}/actions", status_code=202, summary="Request an action")
async def request_alert_action(
    alert_id: AlertId, body: NewAction, parts: Parts, caller: Acts
) -> ModeratorAction:
    """Carry out an action in the room. `action.done` tells how it was confirmed or why it failed.

    A muted speaker stays muted when they leave and come back, until `unmute_speaker`.
    """
    alert = require_alert(alert_id, await parts.alerts.get(alert_id))
    room = await parts.rooms.find(alert.room_id)
    _check_possible(room, body.action, parts.rooms)
    message = body.message
    if body.action is RoomAction.WARN and not message:
        message = suggest_message(alert.handling, room.languages, parts.helplines)
    return await parts.action_requests.request(
        request_action(
            alert,
            body.action,
            parts.rooms.person(room.id, alert.speaker_id),
            caller.name,
            parts.clock(),
            reason=body.reason,
            message=message,
        )
    )


def _check_possible(room: Room, action: RoomAction, rooms: RoomControl) -> None:
    possible = rooms.possible_actions(room.id)
    if not possible:
        raise Problem(
            409, "Room not listened to", f"room {room.id!r} is {room.state}: nothing is done there"
        )
    if action not in possible:
        can = ", ".join(one for one in RoomAction if one in possible)
        raise Problem(
            409, "Not possible here", f"`{action}` is not possible in room {room.id!r}; {can} are"
        )
