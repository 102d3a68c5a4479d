"""Event log: appended to in the transaction of the change, read from a cursor."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import datetime

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.alerts.action import ActionDone, ActionFailed, ActionRequested
from service.alerts.alert import AlertRaised, AlertResolved, AlertRetracted, AlertUpdated
from service.feed.event import Event, data, room_of
from service.feed.ports import Recorded
from service.listening.events import TranscriptHeard
from service.storage.engine import Database
from service.storage.tables import events, pruned

POLL_S = 0.5
"""Time between reads that look for commits of other processes."""


async def append(connection: AsyncConnection, event: Event, at: datetime) -> None:
    """Append an event in the transaction of the connection."""
    await connection.execute(
        insert(events).values(
            type=event.type,
            at=at,
            room_id=room_of(event),
            subject=subject_of(event),
            data=data(event),
        )
    )


def subject_of(event: Event) -> str | None:
    """Return the alert or utterance whose words the event carries and with which it expires."""
    match event:
        case TranscriptHeard():
            return event.utterance_id
        case (
            AlertRaised(alert) | AlertUpdated(alert) | AlertResolved(alert) | AlertRetracted(alert)
        ):
            return alert.id
        case (
            ActionRequested(action) | ActionDone(action) | ActionFailed(action)
        ):  # their reasons expire with the alert
            return action.alert_id
        case _:
            return None


class SqlEventLog:
    """`service.feed.ports.EventLog`.

    Args:
        poll_s: Time between reads that look for commits of other processes, in seconds.
    """

    def __init__(self, database: Database, *, poll_s: float = POLL_S) -> None:
        self._database = database
        self._poll_s = poll_s

    async def read(self, after: int, limit: int) -> Sequence[Recorded]:
        query = select(events.c.id, events.c.type, events.c.at, events.c.room_id, events.c.data)
        query = query.where(events.c.id > after).order_by(events.c.id).limit(limit)
        async with self._database.read() as connection:
            rows = await connection.execute(query)
            return [Recorded(*row) for row in rows]

    async def add(self, event: Event, at: datetime) -> None:
        """Append an event in a transaction of its own."""
        async with self._database.write() as connection:
            await append(connection, event, at)

    async def last(self, type_: str, *, among: int = 10_000) -> Recorded | None:
        """Return the last event of the type among the newest `among` events; None if none."""
        query = select(events.c.id, events.c.type, events.c.at, events.c.room_id, events.c.data)
        query = query.where(events.c.type == type_, events.c.id > await self.latest() - among)
        query = query.order_by(events.c.id.desc()).limit(1)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else Recorded(*row)

    async def latest(self) -> int:
        async with self._database.read() as connection:
            newest = await connection.scalar(select(func.max(events.c.id)))
            gone = await connection.scalar(select(func.max(pruned.c.until)))
            return max(newest or 0, gone or 0)

    async def pruned_until(self, types: Collection[str] = ()) -> int:
        query = select(func.max(pruned.c.until))
        if types:
            query = query.where(pruned.c.type.in_(types))
        async with self._database.read() as connection:
            return await connection.scalar(query) or 0

    async def wait_beyond(self, cursor: int, timeout: float) -> bool:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        while True:
            commit = self._database.next_commit()
            if await self.latest() > cursor:
                return True
            left = deadline - loop.time()
            if left <= 0:
                return False
            # Before Python 3.12, `wait_for` loses a cancellation that arrives with the commit.
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, self._poll_s)):
                    await commit.wait()
