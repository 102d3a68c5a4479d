"""Alerts over HTTP: list, show, decide."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from policies.severity import Severity
from service.access.audit import Action
from service.access.audit_entries import record
from service.access.authenticate import Caller
from service.access.dependency import allow, require_room_in_scope
from service.access.idempotency import IdempotentRoute
from service.access.keys import PLAIN, Role
from service.access.names import PlainName, PlainText
from service.access.scope import in_scope
from service.alerts.action import ModeratorAction
from service.alerts.alert import TALK_AROUND, Alert, AlertState, Outcome, Step
from service.alerts.decisions import Decide, Decision, Person, ReopenTo
from service.alerts.guidance import Guidance, guide
from service.alerts.helplines import Helpline
from service.alerts.ports import ActionStore, AlertFilter, AlertStore, Order
from service.clock import Clock
from service.errors import Problem
from service.listening.events import AudioGap, TranscriptHeard
from service.listening.ports import HearingStore
from service.provider import Provider
from service.rooms.actions import Carrier, ImpossibleAction, RoomAction
from service.rooms.control import ActionControl, RoomControl

router = APIRouter(tags=["alerts"], route_class=IdempotentRoute)


class AlertParts(Protocol):
    @property
    def alerts(self) -> AlertStore: ...
    @property
    def actions(self) -> ActionStore: ...
    @property
    def hearing(self) -> HearingStore: ...
    @property
    def rooms(self) -> RoomControl: ...
    @property
    def room_actions(self) -> ActionControl: ...
    @property
    def helplines(self) -> Sequence[Helpline]: ...
    @property
    def clock(self) -> Clock: ...


ALERTS = Provider[AlertParts]()
Parts = Annotated[AlertParts, Depends(ALERTS)]

_ALERT_ID = r"^[A-Za-z0-9_-]{1,64}$"
AlertId = Annotated[str, Path(pattern=_ALERT_ID)]


async def require_alert_in_scope(request: Request, caller: Caller) -> None:
    """Refuse a path whose alert is unknown, or outside the caller's scope, in the same way.

    Both before the body is looked at: a bad body must not tell one from the other.

    Raises:
        Problem: 404.
    """
    if "alert_id" not in request.path_params:
        return await require_room_in_scope(request, caller)
    alert_id = request.path_params["alert_id"]
    if re.fullmatch(_ALERT_ID, alert_id, re.ASCII):
        alert = await ALERTS.of(request.app).alerts.get(alert_id)
        if alert is None or not in_scope(caller, alert.room_id):
            require_alert(alert_id, None)


Reads = Annotated[Caller, Depends(allow(*Role, in_scope=require_alert_in_scope))]
Decides = Annotated[
    Caller, Depends(allow(Role.MODERATOR, Role.ADMIN, in_scope=require_alert_in_scope))
]

_TEXT = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$"
"""Text without control characters; line breaks are allowed."""

Words = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000, pattern=_TEXT)]

Shown = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=PLAIN)]
"""Value that a list of alerts is filtered by."""

ON_CALL = "the operator's on-call"
_MANY = 50


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Reason(_Body):
    reason: Words = ""


class Resolution(Reason):
    outcome: Outcome


class Reopening(Reason):
    to: ReopenTo = AlertState.OPEN


class Assignment(_Body):
    owner: PlainName | None = Field(None, description="Name of a person; the caller by default.")


class Escalation(Reason):
    to: PlainText = Field("", description="Person or team; the operator's on-call by default.")


class Note(_Body):
    text: Words = Field(min_length=1)


NO_REASON, TO_OPEN, TO_CALLER, TO_ON_CALL = Reason(), Reopening(), Assignment(), Escalation()


@dataclass(frozen=True, slots=True)
class Alerts:
    items: Sequence[Alert]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case(Alert):
    """An alert with the talk around it and its history.

    Attributes:
        talk: Transcripts of the room from a minute before to a minute after, oldest first.
        gaps: Gaps in that time, oldest first.
        actions: Moderators' actions because of it, oldest first.
        can: Actions that are possible in its room now.
        cannot: The other actions, and why each is not possible.
        guidance: Outcomes, usual reasons, suggested steps and helplines.
    """

    talk: Sequence[TranscriptHeard]
    gaps: Sequence[AudioGap]
    history: Sequence[Step]
    actions: Sequence[ModeratorAction]
    can: Sequence[RoomAction]
    cannot: Sequence[ImpossibleAction]
    guidance: Guidance


async def _filter(
    room: Annotated[Shown | None, Query(description="Id of a room.")] = None,
    state: Annotated[Sequence[AlertState], Query(max_length=_MANY)] = (),
    speaker: Annotated[Sequence[Shown], Query(max_length=_MANY)] = (),
    category: Annotated[Sequence[Shown], Query(max_length=_MANY)] = (),
    severity: Annotated[Severity | None, Query(description="Lowest severity.")] = None,
    escalated: Annotated[
        bool | None, Query(description="true: escalated alerts only; false: the others only.")
    ] = None,
) -> AlertFilter:
    """`state`, `speaker` (an id) and `category` may be repeated: any of their values matches."""
    return AlertFilter(room, state, severity, speaker, category, escalated)


@router.get("/v1/alerts", summary="List alerts, newest or gravest first")
async def list_alerts(
    parts: Parts,
    caller: Reads,
    wanted: Annotated[AlertFilter, Depends(_filter)],
    order: Annotated[
        Order, Query(description="severity: gravest first, newest first among equals.")
    ] = Order.NEWEST,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Alerts:
    """A cursor is valid only for the order that it came from."""
    wanted = replace(wanted, scope=caller.rooms)
    return Alerts(*await parts.alerts.page(wanted, limit=limit, cursor=cursor, order=order))


@router.get("/v1/alerts/{alert_id}", summary="Show an alert with the talk around it")
async def show_alert(alert_id: AlertId, parts: Parts, _: Reads) -> Case:
    alert = require_alert(alert_id, await parts.alerts.get(alert_id))
    shown = (
        alert.room_id,
        alert.speech_started_at - TALK_AROUND,
        alert.speech_ended_at + TALK_AROUND,
    )
    carriers = await parts.room_actions.carriers(alert.room_id)
    return Case(
        **_fields(alert),
        talk=await parts.hearing.talk(*shown),
        gaps=await parts.hearing.gaps_between(*shown),
        history=await parts.alerts.history(alert_id),
        actions=await parts.actions.of_alert(alert_id),
        can=[action for action, one in carriers.items() if isinstance(one, Carrier)],
        cannot=[one for one in carriers.values() if isinstance(one, ImpossibleAction)],
        guidance=guide(alert, await _languages(parts, alert.room_id), parts.helplines),
    )


@router.post("/v1/alerts/{alert_id}/acknowledge", summary="Acknowledge an alert")
async def acknowledge_alert(
    alert_id: AlertId, parts: Parts, caller: Decides, body: Reason = NO_REASON
) -> Alert:
    person = _person(parts, caller)
    return await _decide(parts, alert_id, partial(person.acknowledge, reason=body.reason))


@router.post("/v1/alerts/{alert_id}/resolve", summary="Resolve an alert")
async def resolve_alert(
    alert_id: AlertId, body: Resolution, parts: Parts, caller: Decides
) -> Alert:
    decide = partial(_person(parts, caller).resolve, outcome=body.outcome, reason=body.reason)
    return await _decide(parts, alert_id, decide)


@router.post("/v1/alerts/{alert_id}/reopen", summary="Reopen an alert")
async def reopen_alert(
    alert_id: AlertId, parts: Parts, caller: Decides, body: Reopening = TO_OPEN
) -> Alert:
    """`to` open: it has no owner. `to` acknowledged: its owner works on it again, or the caller."""
    decide = partial(_person(parts, caller).reopen, to=body.to, reason=body.reason)
    return await _decide(parts, alert_id, decide)


@router.post("/v1/alerts/{alert_id}/assign", summary="Assign an alert to a moderator")
async def assign_alert(
    alert_id: AlertId, parts: Parts, caller: Decides, body: Assignment = TO_CALLER
) -> Alert:
    """The owner is the caller unless `owner` names another; an open alert becomes acknowledged."""
    decide = partial(_person(parts, caller).assign, owner=body.owner or "")
    return await _decide(parts, alert_id, decide)


@router.post("/v1/alerts/{alert_id}/escalate", summary="Escalate an alert")
async def escalate_alert(
    alert_id: AlertId,
    request: Request,
    parts: Parts,
    caller: Decides,
    body: Escalation = TO_ON_CALL,
) -> Alert:
    """Ask somebody else to look. State and owner stay; `alert.escalated` tells webhooks and feed.

    An open or acknowledged alert can be escalated, and again to somebody else.
    """
    escalate = partial(_person(parts, caller).escalate, to=body.to, reason=body.reason)
    done = False

    def decide(alert: Alert, history: Sequence[Step]) -> Decision | None:
        nonlocal done
        decision = escalate(alert, history)
        done = decision is not None
        return decision

    alert = await _decide(parts, alert_id, decide)
    if done:
        await record(request, caller, Action.ALERT_ESCALATED, alert_id, f"to {body.to or ON_CALL}")
    return alert


@router.post("/v1/alerts/{alert_id}/notes", summary="Add a note to an alert")
async def add_alert_note(alert_id: AlertId, body: Note, parts: Parts, caller: Decides) -> Alert:
    decide = partial(_person(parts, caller).note, text=body.text)
    return await _decide(parts, alert_id, decide)


def _person(parts: AlertParts, caller: Caller) -> Person:
    return Person(caller.name, parts.clock())


async def _languages(parts: AlertParts, room_id: str) -> Sequence[str]:
    """Return the languages of a room; none for a room that is not on record."""
    try:
        return (await parts.rooms.find(room_id)).languages
    except Problem as problem:
        if problem.status != 404:
            raise
        return ()


async def _decide(parts: AlertParts, alert_id: str, decide: Decide) -> Alert:
    """Store the decision. Raises: Problem 404; 409 if the alert's state does not allow it."""
    return require_alert(alert_id, await parts.alerts.decide(alert_id, decide))


def require_alert(alert_id: str, alert: Alert | None) -> Alert:
    """Return the alert. Raises: Problem 404 for None."""
    if alert is None:
        raise Problem(404, "No such alert", f"no alert has the id {alert_id!r}")
    return alert


def _fields(alert: Alert) -> dict[str, Any]:
    return {field.name: getattr(alert, field.name) for field in fields(alert)}
