"""Changes of a room while it is listened to. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime

from service.errors import Problem
from service.rooms.room import Room, RoomState, state_on_record

MakeNotice = Callable[[Sequence[str], bool], str]
"""Makes a room's notice from its languages and whether it is listened to."""


@dataclass(frozen=True, slots=True)
class RoomChange:
    """New values of a room's fields; None leaves a field as it is.

    Attributes:
        listening: False pauses listening, True resumes it.
    """

    title: str | None = None
    languages: Sequence[str] | None = None
    policies: Sequence[str] | None = None
    tags: Sequence[str] | None = None
    listening: bool | None = None


def describe_change(before: Room, after: Room) -> str:
    """Return which fields differ, for the audit log; empty where none does."""
    names = [field.name for field in fields(RoomChange)]
    altered = [name for name in names if _value(before, name) != _value(after, name)]
    said = {"listening": f"listening {'resumed' if after.listening else 'paused'}"}
    return ", ".join(said.get(name, name) for name in altered)


def description_of(room: Room) -> RoomChange:
    """Return the fields of the room that a room server gives when it opens it."""
    return RoomChange(room.title, list(room.languages), list(room.policies), list(room.tags))


def apply_change(
    room: Room,
    change: RoomChange,
    session_state: RoomState,
    make_notice: MakeNotice,
    now: datetime,
) -> Room:
    """Return the changed room.

    Args:
        session_state: State of the room's session, as if it were not paused.

    Raises:
        Problem: 409 for a room that has ended.
    """
    if room.state is RoomState.ENDED:
        raise Problem(
            409, "Room ended", f"room {room.id!r} has ended; open it again with `POST /v1/rooms`"
        )
    given = {
        field.name: value
        for field in fields(change)
        if (value := getattr(change, field.name)) is not None
    }
    changed = replace(room, **given)
    if changed.listening != room.listening:
        changed = replace(
            changed,
            paused_at=None if changed.listening else now,
            state=state_on_record(session_state, listening=changed.listening),
        )
    return replace(changed, notice=make_notice(changed.languages, changed.listening))


def _value(room: Room, name: str) -> object:
    value = getattr(room, name)
    return list(value) if isinstance(value, (list, tuple)) else value
