"""Rooms over HTTP: open, show, end; let speakers publish.

Reads `app.state`: `supervisor`, `rooms`, `tokens`, `hearing`, `ears`, `packs`, `audit`, `clock`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from policies.pack import Pack
from service.access.audit import Action
from service.access.authenticate import Caller
from service.access.dependency import allow
from service.access.keys import PLAIN, Role
from service.access.on_record import record
from service.access.publish_tokens import digest_of, make_token
from service.clock import Clock, Timestamp
from service.errors import Problem
from service.listening.heard import AudioGap, TranscriptHeard
from service.listening.ports import HearingStore
from service.rooms.ears import Ears
from service.rooms.ports import RoomStore, TokenStore
from service.rooms.room import Room, RoomState, Speaker
from service.rooms.supervisor import Supervisor

router = APIRouter(tags=["rooms"])

ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:@+=-]{0,127}$"
"""What a room server may use as an id here: safe in a path, a log and a file name."""

_GAPS_SHOWN = 50

Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
RoomId = Annotated[str, Path(pattern=ID_PATTERN)]
Manages = Annotated[Caller, Depends(allow(Role.ROOM_SERVER, Role.ADMIN))]
Reads = Annotated[Caller, Depends(allow(*Role))]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class WhipRoom(_Body):
    """Speakers publish here by WHIP."""

    kind: Literal["whip"]


class NewRoom(_Body):
    id: Id
    title: str = Field("", max_length=200, pattern=PLAIN)
    connector: WhipRoom
    languages: list[Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]] = Field(
        [], max_length=20, description="ISO 639-1 codes; empty: the model decides."
    )
    policies: list[Id] = Field([], max_length=100, description="Names of packs; empty: all.")


class NewToken(_Body):
    speaker_id: Id
    name: str = Field("", max_length=200, pattern=PLAIN)
    role: str = Field("speaker", max_length=50, pattern=PLAIN)
    expires_in_s: int = Field(3600, ge=1, le=86_400)


@dataclass(frozen=True, slots=True)
class Token:
    token: str
    expires_at: Timestamp


@dataclass(frozen=True, slots=True)
class ShownSpeaker:
    """A speaker who is heard now."""

    id: str
    name: str
    role: str
    level_dbfs: float
    speaking: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRoom(Room):
    """A room with who is heard in it now."""

    speakers: Sequence[ShownSpeaker]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRoom(ListedRoom):
    """A room with who is heard in it now and its latest gaps."""

    gaps: Sequence[AudioGap]


@dataclass(frozen=True, slots=True)
class Rooms:
    items: Sequence[ListedRoom]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Talk:
    items: Sequence[TranscriptHeard]
    next_cursor: str | None


@router.post(
    "/v1/rooms",
    status_code=201,
    summary="Start listening to a room",
    responses={200: {"model": Room, "description": "The room is listened to already"}},
)
async def open_room(body: NewRoom, request: Request, response: Response, caller: Manages) -> Room:
    """201 for a new room, 200 where the same room is listened to already."""
    supervisor: Supervisor = request.app.state.supervisor
    check_packs(body.policies, request.app.state.packs)
    room, new = await supervisor.open(
        body.id,
        title=body.title,
        connector=body.connector.model_dump(),
        languages=body.languages,
        policies=body.policies,
    )
    response.headers["Location"] = f"/v1/rooms/{room.id}"
    if new:
        await record(request, caller, Action.ROOM_OPENED, room.id)
    else:
        response.status_code = 200
    return room


@router.get("/v1/rooms", summary="List rooms, newest first")
async def list_rooms(
    request: Request,
    _: Reads,
    state: Annotated[Sequence[RoomState], Query(max_length=20)] = (),
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Rooms:
    """Repeated, `state` lets rooms in any of these states through."""
    store: RoomStore = request.app.state.rooms
    ears: Ears = request.app.state.ears
    page, next_cursor = await store.page(state, limit=limit, cursor=cursor)
    items = [ListedRoom(**asdict(room), speakers=_heard_in(ears, room.id)) for room in page]
    return Rooms(items, next_cursor)


@router.get("/v1/rooms/{room_id}", summary="Show a room: speakers, levels, gaps")
async def show_room(room_id: RoomId, request: Request, _: Reads) -> ShownRoom:
    supervisor: Supervisor = request.app.state.supervisor
    hearing: HearingStore = request.app.state.hearing
    ears: Ears = request.app.state.ears
    room = await supervisor.find(room_id)
    return ShownRoom(
        **asdict(room),
        speakers=_heard_in(ears, room_id),
        gaps=await hearing.gaps(room_id, _GAPS_SHOWN),
    )


@router.get("/v1/rooms/{room_id}/talk", summary="What was said in a room, newest first")
async def list_talk(
    room_id: RoomId,
    request: Request,
    _: Reads,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Talk:
    """What has not expired yet."""
    supervisor: Supervisor = request.app.state.supervisor
    hearing: HearingStore = request.app.state.hearing
    await supervisor.find(room_id)
    return Talk(*await hearing.talk_page(room_id, limit=limit, cursor=cursor))


@router.delete("/v1/rooms/{room_id}", status_code=204, summary="Stop listening to a room")
async def close_room(
    room_id: RoomId,
    request: Request,
    caller: Manages,
    reason: Annotated[str, Query(max_length=500, pattern=PLAIN)] = "",
) -> None:
    """Give a `reason` for the audit."""
    supervisor: Supervisor = request.app.state.supervisor
    await supervisor.close(room_id)
    await record(request, caller, Action.ROOM_CLOSED, room_id, reason)


@router.post(
    "/v1/rooms/{room_id}/publish-tokens", status_code=201, summary="Let one speaker publish"
)
async def make_publish_token(
    room_id: RoomId, body: NewToken, request: Request, caller: Manages
) -> Token:
    """A token that admits exactly this speaker to this room until it expires; shown once."""
    supervisor: Supervisor = request.app.state.supervisor
    tokens: TokenStore = request.app.state.tokens
    clock: Clock = request.app.state.clock
    await supervisor.find(room_id)
    token = make_token()
    expires_at = clock() + timedelta(seconds=body.expires_in_s)
    speaker = Speaker(room_id, body.speaker_id, body.name or body.speaker_id, body.role)
    await tokens.add_token(digest_of(token), speaker, expires_at)
    reason = f"for speaker {body.speaker_id}"
    await record(request, caller, Action.PUBLISH_TOKEN_MADE, room_id, reason)
    return Token(token, expires_at)


def _heard_in(ears: Ears, room_id: str) -> list[ShownSpeaker]:
    levels = ears.levels(room_id)
    return [
        ShownSpeaker(
            id=speaker.id,
            name=speaker.name,
            role=speaker.role,
            level_dbfs=levels.levels_dbfs[speaker.id],
            speaking=speaker.id in levels.speaking,
        )
        for speaker in ears.speakers(room_id)
    ]


def check_packs(asked: Sequence[str], loaded: Sequence[Pack]) -> None:
    """Raises: Problem 422, where one of them is not loaded."""
    known = [pack.pack for pack in loaded]
    for name in asked:
        if name not in known:
            raise Problem(
                422, "Unknown pack", f"no pack is called {name!r}; loaded: {', '.join(known)}"
            )
