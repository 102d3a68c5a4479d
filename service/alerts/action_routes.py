"""Acting on an alert over HTTP.

Reads `app.state`: `alerts`, `supervisor`, `acting`, `clock`.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import Field, StringConstraints

from service.access.authenticate import Caller
from service.access.dependency import allow
from service.access.keys import PLAIN, Role
from service.alerts.acting import Acting
from service.alerts.action import ModeratorAction, request_action
from service.alerts.ports import AlertStore
from service.alerts.routes import AlertId, Reason, known
from service.clock import Clock
from service.errors import Problem
from service.rooms.actions import RoomAction
from service.rooms.room import Room
from service.rooms.supervisor import Supervisor

router = APIRouter(tags=["alerts"])

Acts = Annotated[Caller, Depends(allow(Role.MODERATOR, Role.ADMIN))]
Message = Annotated[str, StringConstraints(strip_whitespace=True, max_length=300, pattern=PLAIN)]

_WARNING = {
    "en": "A moderator asks you to keep to the rules of this room.",
    "zh": "管理员提醒：请遵守本房间的规则。",
}


class NewAction(Reason):
    action: RoomAction
    message: Message = Field("", description="`warn`: what the speaker is told.")


@router.post(
    "/v1/alerts/{alert_id}/actions", status_code=202, summary="Act on the speaker or the room"
)
async def act(
    alert_id: AlertId, body: NewAction, request: Request, caller: Acts
) -> ModeratorAction:
    """Carried out in the room, and confirmed there: `action.done` says how, and `failed` why not.

    A muted speaker stays muted when they leave and come back, until `unmute_speaker`.
    """
    alerts: AlertStore = request.app.state.alerts
    supervisor: Supervisor = request.app.state.supervisor
    acting: Acting = request.app.state.acting
    clock: Clock = request.app.state.clock
    alert = known(alert_id, await alerts.get(alert_id))
    room = await supervisor.find(alert.room_id)
    _check_possible(room, body.action, supervisor)
    message = body.message
    if body.action is RoomAction.WARN and not message:
        message = _WARNING["zh" if list(room.languages)[:1] == ["zh"] else "en"]
    return await acting.request(
        request_action(
            alert,
            body.action,
            supervisor.person(room.id, alert.speaker_id),
            caller.name,
            clock(),
            reason=body.reason,
            message=message,
        )
    )


def _check_possible(room: Room, action: RoomAction, supervisor: Supervisor) -> None:
    possible = supervisor.possible(room.id)
    if not possible:
        raise Problem(
            409, "Room not listened to", f"room {room.id!r} is {room.state}: nothing is done there"
        )
    if action not in possible:
        can = ", ".join(one for one in RoomAction if one in possible)
        raise Problem(
            409, "Not possible here", f"`{action}` is not possible in room {room.id!r}; {can} are"
        )
