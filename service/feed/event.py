"""Every event there is, and its JSON. An event type is defined where the thing happens."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from service.alerts.action import ActionDone, ActionRequested
from service.alerts.alert import AlertRaised, AlertResolved, AlertRetracted, AlertUpdated
from service.clock import iso
from service.listening.heard import AudioGap, TranscriptHeard
from service.rooms.room import (
    RoomJoined,
    RoomLeft,
    RoomStateChanged,
    SpeakerJoined,
    SpeakerLeft,
    SpeakerLevels,
)
from service.rulebook.version import PoliciesChanged
from service.verdict.overload import OverloadChanged

Event = (
    RoomJoined
    | RoomStateChanged
    | RoomLeft
    | SpeakerJoined
    | SpeakerLeft
    | TranscriptHeard
    | AudioGap
    | AlertRaised
    | AlertUpdated
    | AlertResolved
    | AlertRetracted
    | ActionRequested
    | ActionDone
    | OverloadChanged
    | PoliciesChanged
)
"""What is stored in the event log."""

Transient = SpeakerLevels
"""Shown live and not stored; carries no cursor."""

SUBJECTS = ("alert", "action", "room", "speaker")
"""Fields of an event whose own fields stand in `data` beside the event's."""


def data(event: Event | Transient) -> dict[str, Any]:
    """The `data` of an event in feed and webhooks: the full object it is about, JSON-ready.

    What the event adds to that object (the outcome of an alert, say) stands beside its fields.
    """
    fields: dict[str, Any] = _ADAPTERS[type(event)].dump_python(event, mode="json")
    name = next((name for name in SUBJECTS if name in fields), None)
    return fields if name is None else {**fields.pop(name), **fields}


def body(type_: str, at: datetime, data: dict[str, Any]) -> dict[str, Any]:
    """What a client reads: `{type, timestamp, data}`."""
    return {"type": type_, "timestamp": iso(at), "data": data}


def room_of(event: Event) -> str:
    """The id of the room an event belongs to; empty where it belongs to none."""
    match event:
        case RoomJoined(room) | RoomStateChanged(room) | RoomLeft(room):
            return room.id
        case SpeakerJoined(speaker) | SpeakerLeft(speaker):
            return speaker.room_id
        case (
            AlertRaised(alert) | AlertUpdated(alert) | AlertResolved(alert) | AlertRetracted(alert)
        ):
            return alert.room_id
        case ActionRequested(action) | ActionDone(action):
            return action.room_id
        case OverloadChanged() | PoliciesChanged():
            return ""
        case _:
            return event.room_id


EVENT_TYPES: dict[str, type] = {
    kind.type: kind
    for kind in (*Event.__args__, Transient)  # every member of the unions above
}
_ADAPTERS: dict[type, TypeAdapter[Any]] = {kind: TypeAdapter(kind) for kind in EVENT_TYPES.values()}
