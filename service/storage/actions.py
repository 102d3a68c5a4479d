"""Actions of moderators, and the speakers whom they muted."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, and_, delete, exists, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.alerts.action import (
    ActionDone,
    ActionFailed,
    ActionRequested,
    ActionState,
    ModeratorAction,
)
from service.alerts.ports import ActionChange
from service.clock import Clock, utc_now
from service.rooms.actions import Carrier, RoomAction
from service.rooms.room import RoomState
from service.storage.engine import Database
from service.storage.event_log import append
from service.storage.tables import actions, mutes, publish_tokens, rooms

THE_ROOM_SERVER = "the room server"
_BY_ROOM_SERVER = ""
"""Action id of a mute that no moderator requested."""

_CHANGES = ("state", "detail", "finished_at", "delivered_at", "late", "confirmed_by")
"""Columns that a request's later life may change."""


class SqlActions:
    """`service.alerts.ports.ActionStore` and `service.rooms.ports.MuteStore`."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def request(self, action: ModeratorAction) -> ModeratorAction:
        same = and_(
            actions.c.state == ActionState.PENDING,
            actions.c.alert_id == action.alert_id,
            actions.c.speaker_id == action.speaker_id,
            actions.c.action == action.action,
            actions.c.message == action.message,
            actions.c.expires_at > action.requested_at,
        )
        async with self._database.write() as connection:
            if (row := (await connection.execute(select(actions).where(same))).first()) is not None:
                return _action(row)
            await connection.execute(insert(actions).values(asdict(action)))
            await append(connection, ActionRequested(action), action.requested_at)
        return action

    async def change(
        self, action_id: str, decide: Callable[[ModeratorAction], ModeratorAction]
    ) -> ActionChange | None:
        known = select(actions).where(actions.c.id == action_id)
        async with self._database.write() as connection:
            if (row := (await connection.execute(known)).first()) is None:
                return None
            before = _action(row)
            after = decide(before)
            if after != before:
                await _store(connection, before, after, self._clock)
            return ActionChange(
                before,
                after,
                muted=await _is_muted(connection, after),
                room_open=await _is_room_open(connection, after),
            )

    async def get(self, action_id: str) -> ModeratorAction | None:
        found = await self._read(actions.c.id == action_id)
        return found[0] if found else None

    async def pending(self) -> Sequence[ModeratorAction]:
        return await self._read(actions.c.state == ActionState.PENDING)

    async def unfinished_ends(self) -> Sequence[ModeratorAction]:
        confirmed = and_(
            actions.c.action == RoomAction.END,
            actions.c.state == ActionState.DONE,
            actions.c.carrier == Carrier.WEBHOOK,
        )
        since = and_(
            rooms.c.id == actions.c.room_id,
            rooms.c.state != RoomState.ENDED,
            rooms.c.joined_at <= actions.c.requested_at,
        )
        return await self._read(and_(confirmed, exists().where(since)))

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
        """End a mute and store the unmute as an action on the alert that led to the mute.

        It also stands against a mute that the room server has been asked for and may yet confirm.
        """
        here = and_(mutes.c.room_id == room_id, mutes.c.speaker_id == speaker_id)
        muted = select(actions).where(actions.c.id == mutes.c.action_id, here)
        async with self._database.write() as connection:
            row = (await connection.execute(muted)).first()
            await connection.execute(delete(mutes).where(here))
            if row is None:
                row = await _unconfirmed_mute(connection, room_id, speaker_id)
            if row is None:  # no moderator asked for it, or the alert has expired
                return
            done = _lifted(_action(row), self._clock)
            await connection.execute(insert(actions).values(asdict(done)))
            await append(connection, ActionDone(done), done.requested_at)

    async def _read(self, which: Any) -> Sequence[ModeratorAction]:
        query = select(actions).where(which).order_by(actions.c.requested_at, actions.c.id)
        async with self._database.read() as connection:
            return [_action(row) for row in await connection.execute(query)]


async def _store(
    connection: AsyncConnection, before: ModeratorAction, after: ModeratorAction, clock: Clock
) -> None:
    """Store a changed action. A result has its effect and its event in the same transaction."""
    changed = {name: value for name, value in asdict(after).items() if name in _CHANGES}
    await connection.execute(update(actions).where(actions.c.id == after.id).values(changed))
    if _result(before) == _result(after):
        return
    if after.state is ActionState.DONE:
        if await _is_room_open(connection, after):
            await _take_effect(connection, after)
        event: ActionDone | ActionFailed = ActionDone(after)
    else:
        event = ActionFailed(after)
    await append(connection, event, after.finished_at or clock())


async def _take_effect(connection: AsyncConnection, action: ModeratorAction) -> None:
    """Store the effect of a confirmed action.

    A mute that is confirmed after a later unmute has none: in doubt, the speaker is heard.
    """
    match action.action:
        case RoomAction.MUTE:
            if not await _unmuted_later(connection, action):
                await _mute(connection, action)
        case RoomAction.UNMUTE:
            await connection.execute(delete(mutes).where(_is(action)))
        case RoomAction.REMOVE if action.carrier is Carrier.WEBHOOK:
            theirs = and_(
                publish_tokens.c.room_id == action.room_id,
                publish_tokens.c.speaker_id == action.speaker_id,
            )
            await connection.execute(delete(publish_tokens).where(theirs))


def _result(action: ModeratorAction) -> tuple[object, ...]:
    return (action.state, action.finished_at, action.confirmed_by)


async def _is_room_open(connection: AsyncConnection, action: ModeratorAction) -> bool:
    """Return whether the room has not ended since the request, opened again or not."""
    same = and_(
        rooms.c.id == action.room_id,
        rooms.c.state != RoomState.ENDED,
        rooms.c.joined_at <= action.requested_at,
    )
    return (await connection.execute(select(rooms.c.id).where(same))).first() is not None


async def _unmuted_later(connection: AsyncConnection, mute: ModeratorAction) -> bool:
    later = and_(
        actions.c.room_id == mute.room_id,
        actions.c.speaker_id == mute.speaker_id,
        actions.c.action == RoomAction.UNMUTE,
        actions.c.state == ActionState.DONE,
        actions.c.requested_at > mute.requested_at,
    )
    return (await connection.execute(select(actions.c.id).where(later))).first() is not None


async def _unconfirmed_mute(
    connection: AsyncConnection, room_id: str, speaker_id: str
) -> Row[Any] | None:
    """Return the latest mute that a webhook carried, has no result, and no unmute came after."""
    mine = and_(
        actions.c.room_id == room_id,
        actions.c.speaker_id == speaker_id,
        actions.c.action == RoomAction.MUTE,
        actions.c.carrier == Carrier.WEBHOOK,
        actions.c.state != ActionState.DONE,
        actions.c.confirmed_by == "",
    )
    latest = select(actions).where(mine).order_by(actions.c.requested_at.desc()).limit(1)
    row = (await connection.execute(latest)).first()
    if row is None or not await _is_room_open(connection, _action(row)):
        return None
    return None if await _unmuted_later(connection, _action(row)) else row


async def _is_muted(connection: AsyncConnection, action: ModeratorAction) -> bool:
    return (await connection.execute(select(mutes.c.at).where(_is(action)))).first() is not None


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
        expires_at=now,
        finished_at=now,
        detail="somebody unmuted the speaker there",
        carrier=muted.carrier,
        confirmed_by=THE_ROOM_SERVER,
    )


def _action(row: Row[Any]) -> ModeratorAction:
    fields = row._asdict()
    kinds = {
        "action": RoomAction(fields["action"]),
        "state": ActionState(fields["state"]),
        "carrier": Carrier(fields["carrier"]),
    }
    return ModeratorAction(**fields | kinds)
