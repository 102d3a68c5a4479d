"""Events that room servers send, and how they are read."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from pydantic import BaseModel, Field, ValidationError

from service.access.keys import PLAIN
from service.errors import Problem
from service.rooms.new_room import Id

TYPES = (
    "room.started",
    "room.ended",
    "speaker.joined",
    "speaker.left",
    "speaker.role_changed",
    "speaker.muted",
    "speaker.unmuted",
)

_Kind = TypeVar("_Kind", bound=BaseModel)


class HookEvent(BaseModel):
    """Event of a room server; its `data` depends on its type."""

    type: str = Field(max_length=100)
    data: dict[str, Any]


class _Ref(BaseModel):
    id: Id


class _Speaker(_Ref):
    name: str = Field("", max_length=200, pattern=PLAIN)
    role: str = Field("speaker", max_length=50, pattern=PLAIN)


class RoomData(BaseModel):
    """Data of an event about a room."""

    room: _Ref


class SpeakerData(RoomData):
    """Data of an event about a speaker."""

    speaker: _Speaker


def parse_event(body: bytes) -> HookEvent:
    """Return the event in a body.

    Raises:
        Problem: 422.
    """
    try:
        return read_as(HookEvent, json.loads(body))
    except (ValueError, RecursionError) as error:
        raise Problem(
            422, "Not an event", "the body must be JSON: {type, timestamp, data}"
        ) from error


def read_as(kind: type[_Kind], data: object) -> _Kind:
    """Return the data as this kind of model.

    Raises:
        Problem: 422, with the place of the first fault.
    """
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in ("data", *first["loc"]))
        raise Problem(422, "Invalid event", f"{where}: {first['msg']}") from error
