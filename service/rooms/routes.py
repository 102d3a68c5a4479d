"""Rooms over HTTP: open, show, end; let speakers publish."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Annotated, Protocol

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from service.access.audit import Action
from service.access.audit_entries import record
from service.access.authenticate import Caller
from service.access.dependency import allow
from service.access.idempotency import IdempotentRoute
from service.access.keys import PLAIN, Role, digest_of
from service.access.no_store import NO_STORE
from service.access.publish_tokens import make_token
from service.access.scope import require_new_in_scope
from service.clock import Clock, Timestamp
from service.listening.events import AudioGap, TranscriptHeard
from service.listening.ports import HearingStore
from service.provider import Provider
from service.rooms.control import LiveSpeakers, RoomControl, RuleCoverage
from service.rooms.new_room import ID_PATTERN, Id, NewRoom, RoomUpdate, check_packs
from service.rooms.ports import RoomStore, TokenStore
from service.rooms.room import Room, RoomState, Speaker, UnmatchedLanguage
from service.rooms.room_change import describe_change
from service.rulebook.ports import PacksInForce

router = APIRouter(tags=["rooms"], route_class=IdempotentRoute)


class RoomParts(Protocol):
    @property
    def rooms(self) -> RoomControl: ...
    @property
    def room_store(self) -> RoomStore: ...
    @property
    def speakers(self) -> LiveSpeakers: ...
    @property
    def rule_coverage(self) -> RuleCoverage: ...
    @property
    def tokens(self) -> TokenStore: ...
    @property
    def hearing(self) -> HearingStore: ...
    @property
    def policies(self) -> PacksInForce: ...
    @property
    def clock(self) -> Clock: ...


ROOMS = Provider[RoomParts]()
Parts = Annotated[RoomParts, Depends(ROOMS)]

_GAPS_SHOWN = 50

RoomId = Annotated[str, Path(pattern=ID_PATTERN)]
Manages = Annotated[Caller, Depends(allow(Role.ROOM_SERVER, Role.ADMIN))]
Reads = Annotated[Caller, Depends(allow(*Role))]


class NewToken(BaseModel):
    model_config = ConfigDict(extra="forbid")

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
    muted: bool
    level_dbfs: float
    speaking: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRoom(Room):
    """A room with who is heard in it now.

    Attributes:
        unmatched_languages: Languages spoken in it that no active rule of its packs is for, latest
            first. Empty for a room that has ended.
    """

    speakers: Sequence[ShownSpeaker]
    unmatched_languages: Sequence[UnmatchedLanguage]


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
async def open_room(
    body: NewRoom, request: Request, response: Response, parts: Parts, caller: Manages
) -> Room:
    """201 for a new room, 200 where the same room is listened to already.

    After a `PATCH` both the body with which the room was opened and its present description are the
    same room. The call undoes no change: the answer has the room as it is.
    """
    require_new_in_scope(caller, body.id, what="`id`")
    for place in body.connector.places():
        require_new_in_scope(caller, place, what="the place of `connector`")
    check_packs(body.policies, parts.policies.packs)
    room, new = await parts.rooms.open(
        body.id,
        title=body.title,
        connector=body.connector.shown(),
        secrets=body.connector.secrets(),
        languages=body.languages,
        policies=body.policies,
        tags=body.tags,
    )
    response.headers["Location"] = f"/v1/rooms/{room.id}"
    if new:
        await record(request, caller, Action.ROOM_OPENED, room.id)
    else:
        response.status_code = 200
    return room


@router.get("/v1/rooms", summary="List rooms, newest first")
async def list_rooms(
    parts: Parts,
    caller: Reads,
    state: Annotated[Sequence[RoomState], Query(max_length=20)] = (),
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Rooms:
    """Repeat `state` to list rooms in any of several states."""
    page, next_cursor = await parts.room_store.page(
        state, limit=limit, cursor=cursor, scope=caller.rooms
    )
    items = [
        ListedRoom(
            **asdict(room),
            speakers=_heard_in(parts.speakers, room.id),
            unmatched_languages=parts.rule_coverage.unmatched_languages(room),
        )
        for room in page
    ]
    return Rooms(items, next_cursor)


@router.get("/v1/rooms/{room_id}", summary="Show a room with its speakers, levels and gaps")
async def show_room(room_id: RoomId, parts: Parts, _: Reads) -> ShownRoom:
    room = await parts.rooms.find(room_id)
    return ShownRoom(
        **asdict(room),
        speakers=_heard_in(parts.speakers, room_id),
        unmatched_languages=parts.rule_coverage.unmatched_languages(room),
        gaps=await parts.hearing.gaps(room_id, _GAPS_SHOWN),
    )


@router.get("/v1/rooms/{room_id}/talk", summary="List what was said in a room, newest first")
async def list_talk(
    room_id: RoomId,
    parts: Parts,
    _: Reads,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Talk:
    """Words that have expired are not listed."""
    await parts.rooms.find(room_id)
    return Talk(*await parts.hearing.talk_page(room_id, limit=limit, cursor=cursor))


@router.patch(
    "/v1/rooms/{room_id}",
    summary="Change a room, or pause listening",
)
async def change_room(
    room_id: RoomId, body: RoomUpdate, request: Request, parts: Parts, caller: Manages
) -> Room:
    """Fields that are left out stay as they are. Speakers stay connected and no packet is lost.

    Languages and policies apply to the next utterance. `listening: false` pauses: what was said is
    finished, then no sound is decoded or transcribed, until `listening: true`. The time between is
    an `audio.gap` of each speaker. A pause survives a restart of the server.
    """
    if "policies" in body.model_fields_set:
        check_packs(body.policies, parts.policies.packs)
    before, after = await parts.rooms.change(room_id, body.change())
    if changed := describe_change(before, after):
        await record(request, caller, Action.ROOM_CHANGED, room_id, changed)
    return after


@router.delete("/v1/rooms/{room_id}", status_code=204, summary="Stop listening to a room")
async def close_room(
    room_id: RoomId,
    request: Request,
    parts: Parts,
    caller: Manages,
    reason: Annotated[str, Query(max_length=500, pattern=PLAIN)] = "",
) -> None:
    """Give a `reason` for the audit log."""
    await parts.rooms.close(room_id)
    await record(request, caller, Action.ROOM_CLOSED, room_id, reason)


@router.post(
    "/v1/rooms/{room_id}/publish-tokens",
    status_code=201,
    summary="Create a publish token",
    dependencies=[NO_STORE],
)
async def create_publish_token(
    room_id: RoomId, body: NewToken, request: Request, parts: Parts, caller: Manages
) -> Token:
    """A token that admits exactly this speaker to this room until it expires; shown once."""
    await parts.rooms.find(room_id)
    token = make_token()
    expires_at = parts.clock() + timedelta(seconds=body.expires_in_s)
    speaker = Speaker(room_id, body.speaker_id, body.name or body.speaker_id, body.role)
    await parts.tokens.add_token(digest_of(token), speaker, expires_at)
    reason = f"for speaker {body.speaker_id}"
    await record(request, caller, Action.PUBLISH_TOKEN_MADE, room_id, reason)
    return Token(token, expires_at)


def _heard_in(live: LiveSpeakers, room_id: str) -> list[ShownSpeaker]:
    levels = live.levels(room_id)
    return [
        ShownSpeaker(
            id=speaker.id,
            name=speaker.name,
            role=speaker.role,
            muted=speaker.muted,
            level_dbfs=levels.levels_dbfs[speaker.id],
            speaking=speaker.id in levels.speaking,
        )
        for speaker in live.speakers(room_id)
    ]
