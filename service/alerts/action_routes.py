"""Acting on an alert over HTTP."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Protocol

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from service.access.authenticate import Caller
from service.access.dependency import allow
from service.access.idempotency import IdempotentRoute, claim_of, derive_id
from service.access.keys import PLAIN, Role
from service.access.scope import in_scope
from service.alerts.action import ActionOutcome, ModeratorAction, request_action
from service.alerts.action_runner import no_such_action
from service.alerts.helplines import Helpline
from service.alerts.ports import ActionRequests, ActionStore, AlertStore
from service.alerts.routes import AlertId, Decides, Reason, require_alert
from service.alerts.suggested_message import suggest_message
from service.clock import Clock
from service.errors import Problem
from service.provider import Provider
from service.rooms.actions import Carrier, Obstacle, RoomAction
from service.rooms.control import ActionControl, RoomControl

router = APIRouter(tags=["alerts"], route_class=IdempotentRoute)


class ActionParts(Protocol):
    @property
    def alerts(self) -> AlertStore: ...
    @property
    def rooms(self) -> RoomControl: ...
    @property
    def room_actions(self) -> ActionControl: ...
    @property
    def helplines(self) -> Sequence[Helpline]: ...
    @property
    def actions(self) -> ActionStore: ...
    @property
    def action_timeout(self) -> timedelta: ...
    @property
    def action_requests(self) -> ActionRequests: ...
    @property
    def clock(self) -> Clock: ...


ACTIONS = Provider[ActionParts]()
Parts = Annotated[ActionParts, Depends(ACTIONS)]

ResultReason = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=500, pattern=PLAIN)
]
Message = Annotated[str, StringConstraints(strip_whitespace=True, max_length=300, pattern=PLAIN)]

_ACTION_ID = r"^[A-Za-z0-9_-]{1,64}$"
ActionId = Annotated[str, Path(pattern=_ACTION_ID)]


async def require_action_in_scope(request: Request, caller: Caller) -> None:
    """Refuse a path whose action is unknown, or outside the caller's scope, in the same way.

    Raises:
        Problem: 404.
    """
    action_id = str(request.path_params.get("action_id", ""))
    if re.fullmatch(_ACTION_ID, action_id, re.ASCII):
        action = await ACTIONS.of(request.app).actions.get(action_id)
        if action is None or not in_scope(caller, action.room_id):
            raise no_such_action(action_id)


Reads = Annotated[Caller, Depends(allow(*Role, in_scope=require_action_in_scope))]
Confirms = Annotated[
    Caller, Depends(allow(Role.ROOM_SERVER, Role.ADMIN, in_scope=require_action_in_scope))
]


class ActionResult(BaseModel):
    model_config = ConfigDict(extra="forbid")

    outcome: ActionOutcome
    reason: ResultReason = Field("", description="Shown to moderators.")


class NewAction(Reason):
    action: RoomAction
    message: Message = Field(
        "", description="`warn`: text for the speaker; a suggested one by default."
    )


@router.post("/v1/alerts/{alert_id}/actions", status_code=202, summary="Request an action")
async def request_alert_action(
    alert_id: AlertId, body: NewAction, request: Request, parts: Parts, caller: Decides
) -> ModeratorAction:
    """Request an action in the room. It is `pending` until the room server confirms it.

    Then `action.done` or `action.failed` tells what became of it. Without a confirmation it fails
    at `expires_at`. A speaker is heard until it is confirmed that they are muted or removed. A
    muted speaker stays muted when they leave and come back, until `unmute_speaker`.
    """
    action_id = derive_id(request, "ac")
    if (claim := claim_of(request)) is not None and claim.repeated:
        if (before := await parts.actions.get(action_id)) is not None:
            return before
    alert = require_alert(alert_id, await parts.alerts.get(alert_id))
    room = await parts.rooms.find(alert.room_id)
    carrier = await _check_possible(room.id, body.action, parts.room_actions)
    message = body.message
    if body.action is RoomAction.WARN and not message:
        message = suggest_message(alert.handling, room.languages, parts.helplines)
    return await parts.action_requests.request(
        request_action(
            alert,
            body.action,
            parts.room_actions.person(room.id, alert.speaker_id),
            caller.name,
            parts.clock(),
            carrier=carrier,
            timeout=parts.action_timeout,
            reason=body.reason,
            message=message,
            id_=action_id,
        )
    )


@router.get("/v1/actions/{action_id}", summary="Show an action")
async def show_action(action_id: ActionId, parts: Parts, _: Reads) -> ModeratorAction:
    action = await parts.actions.get(action_id)
    if action is None:
        raise no_such_action(action_id)
    return action


@router.post("/v1/actions/{action_id}/result", summary="Report the result of an action")
async def report_action_result(
    action_id: ActionId, body: ActionResult, parts: Parts, caller: Confirms
) -> ModeratorAction:
    """Report what has become of an action that the webhook `action.requested` carried.

    The first result stands, and the same again changes nothing. One that comes after `expires_at`
    is taken, and the action is then `late`. Another outcome than the one that stands is 409.
    """
    return await parts.action_requests.record_result(
        action_id, body.outcome, body.reason, caller.name
    )


async def _check_possible(room_id: str, action: RoomAction, actions: ActionControl) -> Carrier:
    """Return who carries the action out. Raises: Problem 409 where it is not possible."""
    carrier = (await actions.carriers(room_id))[action]
    if isinstance(carrier, Carrier):
        return carrier
    extra = {"code": carrier.code}
    match carrier.code:
        case Obstacle.ROOM_ENDED:
            raise Problem(409, "Room has ended", carrier.reason, extra=extra)
        case Obstacle.ROOM_LOST:
            raise Problem(409, "Room is lost", carrier.reason, extra=extra)
        case Obstacle.NO_WEBHOOK:
            raise Problem(409, "No webhook carries it out", carrier.reason, extra=extra)
        case Obstacle.NOT_IN_THIS_ROOM:
            raise Problem(409, "Not possible here", carrier.reason, extra=extra)
