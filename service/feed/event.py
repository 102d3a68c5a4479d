"""All events and their JSON. Each event type is defined in the stage where it happens."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from service.alerts.action import ActionDone, ActionFailed, ActionRequested
from service.alerts.alert import (
    AlertEscalated,
    AlertRaised,
    AlertResolved,
    AlertRetracted,
    AlertUpdated,
)
from service.clock import iso
from service.listening.events import AudioGap, TranscriptHeard
from service.rooms.room import (
    RoomJoined,
    RoomLeft,
    RoomStateChanged,
    SpeakerJoined,
    SpeakerLeft,
    SpeakerLevels,
    SpeakerMuted,
    SpeakerUnmuted,
)
from service.rulebook.version import PoliciesChanged
from service.verdict.overload import OverloadChanged

Event = (
    RoomJoined
    | RoomStateChanged
    | RoomLeft
    | SpeakerJoined
    | SpeakerLeft
    | SpeakerMuted
    | SpeakerUnmuted
    | TranscriptHeard
    | AudioGap
    | AlertRaised
    | AlertUpdated
    | AlertEscalated
    | AlertResolved
    | AlertRetracted
    | ActionRequested
    | ActionDone
    | ActionFailed
    | OverloadChanged
    | PoliciesChanged
)
"""Events that the event log stores."""

Transient = SpeakerLevels
"""Events that are sent live and not stored. They carry no cursor."""

SUBJECTS = ("alert", "action", "room", "speaker")
"""Fields of an event whose own fields appear in `data`, beside those of the event."""


def data(event: Event | Transient) -> dict[str, Any]:
    """Return the `data` of an event in feed and webhooks: the full object, JSON-ready.

    Fields that the event adds to the object (the outcome of an alert, say) are beside its own.
    """
    fields: dict[str, Any] = _ADAPTERS[type(event)].dump_python(event, mode="json")
    name = next((name for name in SUBJECTS if name in fields), None)
    return fields if name is None else {**fields.pop(name), **fields}


def body(type_: str, at: datetime, data: dict[str, Any]) -> dict[str, Any]:
    """Return the body that a client reads: `{type, timestamp, data}`."""
    return {"type": type_, "timestamp": iso(at), "data": data}


def room_of(event: Event) -> str:
    """Return the id of the event's room; empty if it has none."""
    match event:
        case RoomJoined(room) | RoomStateChanged(room) | RoomLeft(room):
            return room.id
        case (
            SpeakerJoined(speaker)
            | SpeakerLeft(speaker)
            | SpeakerMuted(speaker)
            | SpeakerUnmuted(speaker)
        ):
            return speaker.room_id
        case (
            AlertRaised(alert)
            | AlertUpdated(alert)
            | AlertEscalated(alert)
            | AlertResolved(alert)
            | AlertRetracted(alert)
        ):
            return alert.room_id
        case ActionRequested(action) | ActionDone(action) | ActionFailed(action):
            return action.room_id
        case OverloadChanged() | PoliciesChanged():
            return ""
        case _:
            return event.room_id


EVENT_TYPES: dict[str, type] = {
    kind.type: kind
    for kind in (*Event.__args__, Transient)  # all members of the unions above
}
_ADAPTERS: dict[type, TypeAdapter[Any]] = {kind: TypeAdapter(kind) for kind in EVENT_TYPES.values()}
