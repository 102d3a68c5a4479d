"""Alerts over HTTP: list, show, decide.

Reads `app.state`: `alerts`, `hearing`, `clock`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from policies.severity import Severity
from service.access.authenticate import Caller
from service.access.dependency import allow
from service.access.keys import Role
from service.alerts.alert import (
    TALK_AROUND,
    UNDECIDED,
    Alert,
    AlertResolved,
    AlertState,
    AlertUpdated,
    Outcome,
    Step,
)
from service.alerts.ports import AlertFilter, AlertStore
from service.clock import Clock
from service.errors import Problem
from service.listening.heard import TranscriptHeard
from service.listening.ports import HearingStore

router = APIRouter(tags=["alerts"])

AlertId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Reads = Annotated[Caller, Depends(allow(*Role))]
Decides = Annotated[Caller, Depends(allow(Role.MODERATOR, Role.ADMIN))]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Resolution(_Body):
    outcome: Outcome
    reason: str = Field("", max_length=2000)


class Reason(_Body):
    reason: str = Field("", max_length=2000)


NO_REASON = Reason()


@dataclass(frozen=True, slots=True)
class Alerts:
    items: Sequence[Alert]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case(Alert):
    """An alert with the talk around it and its history; its matches say why it was raised."""

    talk: Sequence[TranscriptHeard]
    history: Sequence[Step]


@dataclass(frozen=True, slots=True)
class Move:
    """A step that takes an alert from one of these states to another."""

    name: str
    allowed: frozenset[AlertState]
    to: AlertState


ACKNOWLEDGE = Move("acknowledge", frozenset({AlertState.OPEN}), AlertState.ACKNOWLEDGED)
RESOLVE = Move("resolve", UNDECIDED, AlertState.RESOLVED)
REOPEN = Move("reopen", frozenset({AlertState.ACKNOWLEDGED, AlertState.RESOLVED}), AlertState.OPEN)


@router.get("/v1/alerts", summary="List alerts, newest first")
async def list_alerts(
    request: Request,
    _: Reads,
    room: Annotated[str | None, Query(max_length=128)] = None,
    state: AlertState | None = None,
    severity: Annotated[Severity | None, Query(description="The least severity.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Alerts:
    store: AlertStore = request.app.state.alerts
    wanted = AlertFilter(room, state, severity)
    return Alerts(*await store.page(wanted, limit=limit, cursor=cursor))


@router.get("/v1/alerts/{alert_id}", summary="Show an alert with the talk around it")
async def show_alert(alert_id: AlertId, request: Request, _: Reads) -> Case:
    store: AlertStore = request.app.state.alerts
    hearing: HearingStore = request.app.state.hearing
    alert = await _find(store, alert_id)
    talk = await hearing.talk(
        alert.room_id, alert.speech_started_at - TALK_AROUND, alert.speech_ended_at + TALK_AROUND
    )
    return Case(**_fields(alert), talk=talk, history=await store.history(alert_id))


@router.post("/v1/alerts/{alert_id}/acknowledge", summary="I am looking at it")
async def acknowledge(
    alert_id: AlertId, request: Request, caller: Decides, body: Reason = NO_REASON
) -> Alert:
    return await _take(ACKNOWLEDGE, request, caller, alert_id, reason=body.reason)


@router.post("/v1/alerts/{alert_id}/resolve", summary="Upheld or dismissed")
async def resolve(alert_id: AlertId, body: Resolution, request: Request, caller: Decides) -> Alert:
    return await _take(RESOLVE, request, caller, alert_id, reason=body.reason, outcome=body.outcome)


@router.post("/v1/alerts/{alert_id}/reopen", summary="Overturn an outcome")
async def reopen(
    alert_id: AlertId, request: Request, caller: Decides, body: Reason = NO_REASON
) -> Alert:
    return await _take(REOPEN, request, caller, alert_id, reason=body.reason)


async def _take(
    move: Move,
    request: Request,
    caller: Caller,
    alert_id: str,
    *,
    reason: str,
    outcome: Outcome | None = None,
) -> Alert:
    """Take the alert one step further, on record under the caller's name; 409 where it may not."""
    store: AlertStore = request.app.state.alerts
    clock: Clock = request.app.state.clock
    before = await _find(store, alert_id)
    after = replace(before, state=move.to)
    step = Step(
        alert_id, clock(), caller.name, f"{move.name}: {outcome}" if outcome else move.name, reason
    )
    event = AlertResolved(after, outcome, reason) if outcome else AlertUpdated(after)
    if before.state not in move.allowed or not await store.step(event, step, expected=before.state):
        now = (await _find(store, alert_id)).state
        raise Problem(
            409,
            "Not in this state",
            f"alert {alert_id} is {now}; to {move.name} it, it must be "
            + " or ".join(sorted(move.allowed)),
        )
    return await _find(store, alert_id)


async def _find(store: AlertStore, alert_id: str) -> Alert:
    alert = await store.get(alert_id)
    if alert is None:
        raise Problem(404, "No such alert", f"no alert has the id {alert_id!r}")
    return alert


def _fields(alert: Alert) -> dict[str, Any]:
    return {field.name: getattr(alert, field.name) for field in fields(alert)}
