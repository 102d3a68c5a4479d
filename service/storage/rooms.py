"""Rooms, their speakers and publish tokens."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.access.scope import no_such_room
from service.clock import Clock, utc_now
from service.errors import Problem
from service.rooms.room import (
    Room,
    RoomJoined,
    RoomLeft,
    RoomState,
    RoomStateChanged,
    Speaker,
    SpeakerJoined,
    SpeakerLeft,
    SpeakerMuted,
    SpeakerUnmuted,
    state_on_record,
)
from service.rooms.room_change import RoomChange, description_of
from service.storage.engine import Database
from service.storage.event_log import append
from service.storage.paging import cursor_of, older_than
from service.storage.scope import within
from service.storage.tables import mutes, publish_tokens, rooms, speakers


class SqlRooms:
    """`service.rooms.ports.RoomStore`."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def add(self, room: Room, sealed: str | None = None) -> None:
        description = _description(description_of(room))
        columns = _columns(room) | {
            "sealed": sealed,
            "noticed_at": None,
            "opened_with": description,
        }
        async with self._database.write() as connection:
            before = await _find(connection, room.id)
            if before is None:
                await connection.execute(insert(rooms).values(columns))
            elif before.state is RoomState.ENDED:
                changes = {**columns, "ended_at": None}
                await connection.execute(update(rooms).where(rooms.c.id == room.id).values(changes))
            else:
                raise Problem(409, "Room exists", f"room {room.id!r} is open; end it first")
            await append(connection, RoomJoined(room), self._clock())

    async def get(self, room_id: str) -> Room | None:
        async with self._database.read() as connection:
            return await _find(connection, room_id)

    async def sealed(self, room_id: str) -> str | None:
        query = select(rooms.c.sealed).where(rooms.c.id == room_id)
        async with self._database.read() as connection:
            found: str | None = (await connection.execute(query)).scalar_one_or_none()
        return found

    async def noticed(self, room_id: str) -> bool:
        """`service.rooms.ports.NoticeStore`."""
        query = select(rooms.c.noticed_at).where(rooms.c.id == room_id)
        async with self._database.read() as connection:
            return (await connection.execute(query)).scalar_one_or_none() is not None

    async def set_noticed(self, room_id: str, notice: str, now: datetime) -> None:
        same = and_(rooms.c.id == room_id, rooms.c.notice == notice)
        async with self._database.write() as connection:
            await connection.execute(update(rooms).where(same).values(noticed_at=now))

    async def opened_with(self, room_id: str) -> RoomChange | None:
        query = select(rooms.c.opened_with).where(rooms.c.id == room_id)
        async with self._database.read() as connection:
            found = (await connection.execute(query)).scalar_one_or_none()
        return None if found is None else RoomChange(**found)

    async def change(self, room_id: str, change: Callable[[Room], Room]) -> tuple[Room, Room]:
        async with self._database.write() as connection:
            before = await _find(connection, room_id)
            if before is None:
                raise Problem(404, "No such room", f"no room has the id {room_id!r}")
            after = change(before)
            if _columns(after) == _columns(before):
                return before, before
            columns = _columns(after)
            if after.listening != before.listening:
                columns["noticed_at"] = None
            is_it = rooms.c.id == room_id
            await connection.execute(update(rooms).where(is_it).values(columns))
            first = {"opened_with": _description(description_of(before))}
            unknown = and_(is_it, rooms.c.opened_with.is_(None))  # opened by an earlier version
            await connection.execute(update(rooms).where(unknown).values(first))
            await append(connection, RoomStateChanged(after), self._clock())
        return before, after

    async def page(
        self,
        states: Collection[RoomState] = (),
        *,
        limit: int,
        cursor: str | None = None,
        scope: Collection[str] = (),
    ) -> tuple[Sequence[Room], str | None]:
        query = select(rooms).order_by(rooms.c.joined_at.desc(), rooms.c.id.desc())
        if states:
            query = query.where(rooms.c.state.in_(states))
        if scope:
            query = query.where(within(rooms.c.id, scope))
        if cursor is not None:
            query = query.where(older_than(cursor, rooms.c.joined_at, rooms.c.id))
        async with self._database.read() as connection:
            found = [_room(row) for row in await connection.execute(query.limit(limit + 1))]
        page = found[:limit]
        more = len(found) > limit
        return page, cursor_of(page[-1].joined_at, page[-1].id) if more else None

    async def listening(self) -> Sequence[Room]:
        query = select(rooms).where(rooms.c.state != RoomState.ENDED).order_by(rooms.c.joined_at)
        async with self._database.read() as connection:
            return [_room(row) for row in await connection.execute(query)]

    async def set_state(self, room_id: str, state: RoomState, reason: str) -> Room:
        """Set the state of a room. Appends no event if state and reason are unchanged.

        Raises:
            Problem: 404, there is no such room.
        """
        now = self._clock()
        async with self._database.write() as connection:
            before = await _find(connection, room_id)
            if before is None:
                raise no_such_room(room_id)
            state = state_on_record(state, listening=before.listening)
            after = replace(before, state=state, reason=reason)
            if after == before:
                return before
            ended = state is RoomState.ENDED
            changes = {"state": state, "reason": reason, "ended_at": now if ended else None}
            if ended:
                await _forget_secrets(connection, room_id)
                changes["sealed"] = None
            await connection.execute(update(rooms).where(rooms.c.id == room_id).values(changes))
            await append(connection, RoomLeft(after) if ended else RoomStateChanged(after), now)
        return after

    async def speaker_joined(self, speaker: Speaker, now: datetime) -> None:
        """Store that a speaker joined; a live speaker does not change.

        `heard_until` becomes now: an absent speaker has said nothing that was missed.
        """
        key = _is(speaker.room_id, speaker.id)
        async with self._database.write() as connection:
            before = (await connection.execute(select(speakers).where(key))).one_or_none()
            columns = _shown(speaker) | {"live": True}
            if before is None:
                ids = {"room_id": speaker.room_id, "id": speaker.id}
                times = {"joined_at": now, "heard_until": now}
                await connection.execute(insert(speakers).values({**ids, **columns, **times}))
            elif before.live and _speaker(before) == speaker:
                return
            else:
                if not before.live:
                    columns |= {"joined_at": now, "heard_until": max(now, before.heard_until)}
                await connection.execute(update(speakers).where(key).values(columns))
                if before.live and before.muted != speaker.muted:
                    event = SpeakerMuted(speaker) if speaker.muted else SpeakerUnmuted(speaker)
                    await append(connection, event, now)
                    if replace(_speaker(before), muted=speaker.muted) == speaker:
                        return
            await append(connection, SpeakerJoined(speaker), now)

    async def speaker_returned(self, speaker: Speaker, reason: str, now: datetime) -> None:
        changes = _shown(speaker) | {"joined_at": now}
        key = _is(speaker.room_id, speaker.id)
        async with self._database.write() as connection:
            before = (await connection.execute(select(speakers).where(key))).one()
            await connection.execute(update(speakers).where(key).values(changes))
            await append(connection, SpeakerLeft(_speaker(before), reason), now)
            await append(connection, SpeakerJoined(speaker), now)

    async def speaker_left(self, speaker: Speaker, reason: str, now: datetime) -> None:
        """Store that a speaker left. Appends no event for one who was not live."""
        gone = update(speakers).where(_is(speaker.room_id, speaker.id), speakers.c.live)
        async with self._database.write() as connection:
            if (await connection.execute(gone.values(live=False))).rowcount:
                await append(connection, SpeakerLeft(speaker, reason), now)

    async def speakers(self, room_id: str, *, live_only: bool = False) -> Sequence[Speaker]:
        """Return the speakers of a room in the order in which they joined."""
        query = select(speakers).where(speakers.c.room_id == room_id)
        if live_only:
            query = query.where(speakers.c.live)
        query = query.order_by(speakers.c.joined_at, speakers.c.id)
        async with self._database.read() as connection:
            return [_speaker(row) for row in await connection.execute(query)]


class SqlTokens:
    """`service.rooms.ports.TokenStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_token(self, digest: str, speaker: Speaker, expires_at: datetime) -> None:
        """Store a publish token.

        Raises:
            Problem: 404 for an unknown room, 409 for one that has ended.
        """
        values = {
            "digest": digest,
            "room_id": speaker.room_id,
            "speaker_id": speaker.id,
            "name": speaker.name,
            "role": speaker.role,
            "expires_at": expires_at,
        }
        async with self._database.write() as connection:
            room = await _find(connection, speaker.room_id)
            if room is None:
                raise no_such_room(speaker.room_id)
            if room.state is RoomState.ENDED:
                raise Problem(409, "Room ended", f"room {room.id!r} has ended; open it again first")
            await connection.execute(insert(publish_tokens).values(values))

    async def find_token(self, digest: str, now: datetime) -> Speaker | None:
        table = publish_tokens.c
        query = select(table.room_id, table.speaker_id, table.name, table.role)
        query = query.where(table.digest == digest, table.expires_at > now)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else Speaker(*row)

    async def revoke_tokens(self, room_id: str, speaker_id: str) -> None:
        table = publish_tokens.c
        theirs = and_(table.room_id == room_id, table.speaker_id == speaker_id)
        async with self._database.write() as connection:
            await connection.execute(delete(publish_tokens).where(theirs))


async def remove_expired_tokens(connection: AsyncConnection, now: datetime) -> None:
    await connection.execute(delete(publish_tokens).where(publish_tokens.c.expires_at <= now))


async def _forget_secrets(connection: AsyncConnection, room_id: str) -> None:
    """Delete the publish tokens and mutes of an ended room."""
    for table in (publish_tokens, mutes):
        await connection.execute(delete(table).where(table.c.room_id == room_id))


async def _find(connection: AsyncConnection, room_id: str) -> Room | None:
    row = (await connection.execute(select(rooms).where(rooms.c.id == room_id))).one_or_none()
    return None if row is None else _room(row)


def _is(room_id: str, speaker_id: str) -> Any:
    return and_(speakers.c.room_id == room_id, speakers.c.id == speaker_id)


def _columns(room: Room) -> dict[str, Any]:
    return {
        "id": room.id,
        "title": room.title,
        "connector": dict(room.connector),
        "languages": list(room.languages),
        "policies": list(room.policies),
        "state": room.state,
        "reason": room.reason,
        "notice": room.notice,
        "joined_at": room.joined_at,
        "tags": list(room.tags),
        "paused_at": room.paused_at,
    }


def _description(described: RoomChange) -> dict[str, Any]:
    return {name: value for name, value in asdict(described).items() if value is not None}


def _room(row: Row[Any]) -> Room:
    return Room(
        id=row.id,
        title=row.title,
        connector=row.connector,
        languages=tuple(row.languages),
        policies=tuple(row.policies),
        state=RoomState(row.state),
        joined_at=row.joined_at,
        reason=row.reason,
        notice=row.notice,
        tags=tuple(row.tags),
        listening=row.paused_at is None,
        paused_at=row.paused_at,
    )


def _shown(speaker: Speaker) -> dict[str, Any]:
    return {"name": speaker.name, "role": speaker.role, "muted": speaker.muted}


def _speaker(row: Row[Any]) -> Speaker:
    return Speaker(room_id=row.room_id, id=row.id, name=row.name, role=row.role, muted=row.muted)
