"""Acting on an alert over HTTP."""

from __future__ import annotations

from typing import Annotated, Protocol

from fastapi import APIRouter, Depends, Request
from pydantic import Field, StringConstraints

from policies.languages import words_for_room
from service.access.authenticate import Caller
from service.access.dependency import allow
from service.access.idempotency import IdempotentRoute, claim_of, derive_id
from service.access.keys import PLAIN, Role
from service.alerts.action import ModeratorAction, request_action
from service.alerts.ports import ActionRequests, AlertStore
from service.alerts.routes import AlertId, Reason, require_alert
from service.clock import Clock
from service.errors import Problem
from service.provider import Provider
from service.rooms.actions import RoomAction
from service.rooms.control import RoomControl
from service.rooms.room import Room

router = APIRouter(tags=["alerts"], route_class=IdempotentRoute)


class ActionParts(Protocol):
    @property
    def alerts(self) -> AlertStore: ...
    @property
    def rooms(self) -> RoomControl: ...
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
    message: Message = Field("", description="`warn`: text for the speaker.")


@router.post("/v1/alerts/{alert_id}/actions", status_code=202, summary="Request an action")
async def request_alert_action(
    alert_id: AlertId, body: NewAction, request: Request, parts: Parts, caller: Acts
) -> ModeratorAction:
    """Carry out an action in the room. `action.done` tells how it was confirmed or why it failed.

    A muted speaker stays muted when they leave and come back, until `unmute_speaker`.
    """
    action_id = derive_id(request, "ac")
    if (claim := claim_of(request)) is not None and claim.repeated:
        if (before := await parts.action_requests.find(action_id)) is not None:
            return before
    alert = require_alert(alert_id, await parts.alerts.get(alert_id))
    room = await parts.rooms.find(alert.room_id)
    _check_possible(room, body.action, parts.rooms)
    message = body.message
    if body.action is RoomAction.WARN and not message:
        message = words_for_room(list(room.languages)).warning
    return await parts.action_requests.request(
        request_action(
            alert,
            body.action,
            parts.rooms.person(room.id, alert.speaker_id),
            caller.name,
            parts.clock(),
            reason=body.reason,
            message=message,
            id_=action_id,
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
