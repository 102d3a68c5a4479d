"""Actions of moderators, and the speakers whom they muted."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, and_, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.alerts.action import ActionDone, ActionRequested, ActionState, ModeratorAction
from service.clock import Clock, utc_now
from service.rooms.actions import RoomAction
from service.storage.engine import Database
from service.storage.event_log import append
from service.storage.tables import actions, mutes

THE_ROOM_SERVER = "the room server"
_BY_ROOM_SERVER = ""
"""Action id of a mute that no moderator requested."""


class SqlActions:
    """`service.alerts.ports.ActionStore` and `service.rooms.ports.MuteStore`."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def request(self, action: ModeratorAction) -> ModeratorAction:
        same = and_(
            actions.c.state == ActionState.REQUESTED,
            actions.c.alert_id == action.alert_id,
            actions.c.speaker_id == action.speaker_id,
            actions.c.action == action.action,
            actions.c.message == action.message,
        )
        async with self._database.write() as connection:
            if (row := (await connection.execute(select(actions).where(same))).first()) is not None:
                return _action(row)
            await connection.execute(insert(actions).values(asdict(action)))
            if action.action is RoomAction.MUTE:
                await _mute(connection, action)
            await append(connection, ActionRequested(action), action.requested_at)
        return action

    async def find(self, action_id: str) -> ModeratorAction | None:
        found = await self._read(actions.c.id == action_id)
        return found[0] if found else None

    async def finish(self, action: ModeratorAction) -> None:
        over = {
            "state": action.state,
            "detail": action.detail,
            "finished_at": action.finished_at,
        }
        async with self._database.write() as connection:
            await connection.execute(update(actions).where(actions.c.id == action.id).values(over))
            match action.action, action.state:
                case (
                    RoomAction.MUTE,
                    ActionState.DONE,
                ):  # a failed unmute may have removed the row
                    await _mute(connection, action)
                case (RoomAction.MUTE, ActionState.FAILED):
                    await connection.execute(delete(mutes).where(mutes.c.action_id == action.id))
                case (RoomAction.UNMUTE, ActionState.DONE):
                    await connection.execute(delete(mutes).where(_is(action)))
            await append(connection, ActionDone(action), action.finished_at or self._clock())

    async def pending(self) -> Sequence[ModeratorAction]:
        return await self._read(actions.c.state == ActionState.REQUESTED)

    async def of_alert(self, alert_id: str) -> Sequence[ModeratorAction]:
        return await self._read(actions.c.alert_id == alert_id)

    async def muted(self, room_id: str) -> Collection[str]:
        query = select(mutes.c.speaker_id).where(mutes.c.room_id == room_id)
        async with self._database.read() as connection:
            return frozenset((await connection.execute(query)).scalars())

    async def record_room_mute(self, room_id: str, speaker_id: str) -> None:
        here = and_(mutes.c.room_id == room_id, mutes.c.speaker_id == speaker_id)
        values = {
            "room_id": room_id,
            "speaker_id": speaker_id,
            "action_id": _BY_ROOM_SERVER,
            "at": self._clock(),
        }
        async with self._database.write() as connection:
            if (await connection.execute(select(mutes).where(here))).first() is None:
                await connection.execute(insert(mutes).values(values))

    async def end_room_mute(self, room_id: str, speaker_id: str) -> bool:
        here = and_(mutes.c.room_id == room_id, mutes.c.speaker_id == speaker_id)
        own = and_(here, mutes.c.action_id == _BY_ROOM_SERVER)
        async with self._database.write() as connection:
            return bool((await connection.execute(delete(mutes).where(own))).rowcount)

    async def lifted(self, room_id: str, speaker_id: str) -> None:
        """End a mute and store the unmute as an action on the alert that led to the mute."""
        here = and_(mutes.c.room_id == room_id, mutes.c.speaker_id == speaker_id)
        muted = select(actions).where(actions.c.id == mutes.c.action_id, here)
        async with self._database.write() as connection:
            row = (await connection.execute(muted)).first()
            await connection.execute(delete(mutes).where(here))
            if row is None:  # the alert has expired
                return
            done = _lifted(_action(row), self._clock)
            await connection.execute(insert(actions).values(asdict(done)))
            await append(connection, ActionDone(done), done.requested_at)

    async def _read(self, which: Any) -> Sequence[ModeratorAction]:
        query = select(actions).where(which).order_by(actions.c.requested_at, actions.c.id)
        async with self._database.read() as connection:
            return [_action(row) for row in await connection.execute(query)]


async def _mute(connection: AsyncConnection, action: ModeratorAction) -> None:
    """Store a mute; a speaker who is muted already keeps the first action."""
    row = (await connection.execute(select(mutes).where(_is(action)))).first()
    if row is not None:
        if row.action_id == _BY_ROOM_SERVER and action.state is ActionState.DONE:
            mine = update(mutes).where(_is(action)).values(action_id=action.id)
            await connection.execute(mine)  # it outlasts the speaker's departure from now on
        return
    values = {
        "room_id": action.room_id,
        "speaker_id": action.speaker_id,
        "action_id": action.id,
        "at": action.requested_at,
    }
    await connection.execute(insert(mutes).values(values))


def _is(action: ModeratorAction) -> Any:
    return and_(mutes.c.room_id == action.room_id, mutes.c.speaker_id == action.speaker_id)


def _lifted(muted: ModeratorAction, clock: Clock) -> ModeratorAction:
    now = clock()
    return ModeratorAction(
        id=f"ac_{secrets.token_hex(8)}",
        alert_id=muted.alert_id,
        room_id=muted.room_id,
        speaker_id=muted.speaker_id,
        speaker_name=muted.speaker_name,
        action=RoomAction.UNMUTE,
        state=ActionState.DONE,
        requested_by=THE_ROOM_SERVER,
        reason="",
        message="",
        requested_at=now,
        finished_at=now,
        detail="somebody unmuted the speaker there",
    )


def _action(row: Row[Any]) -> ModeratorAction:
    fields = row._asdict()
    return ModeratorAction(
        **fields | {"action": RoomAction(fields["action"]), "state": ActionState(fields["state"])}
    )
