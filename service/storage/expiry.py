"""Words expire: the talk, the alerts and the events that carry either."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, ColumnElement, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.rooms.room import RoomState
from service.storage.audit import remove_expired_entries
from service.storage.engine import Database
from service.storage.rooms import remove_expired_tokens
from service.storage.sessions import remove_expired_sessions
from service.storage.tables import (
    alerts,
    events,
    gaps,
    heard_hours,
    pruned,
    rooms,
    rule_hits,
    transcripts,
)

BATCH = 200
"""Alerts or utterances removed in one transaction: others wait for some milliseconds at most."""
HOURS_KEPT = timedelta(days=400)
"""How much was heard in an hour says nothing about anybody; one year is compared with the next."""


@dataclass(frozen=True, slots=True)
class Expired:
    """How many rows of each kind one call removed."""

    talk: int = 0
    alerts: int = 0
    events: int = 0
    gaps: int = 0
    rooms: int = 0


async def expire(
    database: Database, now: datetime, *, talk_hours: float, alert_days: float
) -> Expired:
    """Remove what is older than it may be, and leave none of its words in the files.

    - Talk that no kept alert needs for its case goes `talk_hours` after it was spoken, and its
      `transcript.heard` with it.
    - An alert goes `alert_days` after it was raised, with its history, hits and every event that
      carries its words, however recent; then the talk around it may go.
    - Gaps, all other events, and rooms that ended, with their speakers, go after `alert_days`;
      so does what rules hit, by when it was said. How much was heard in an hour goes after
      `HOURS_KEPT`.
    - Who changed what goes after a year, or `alert_days` if that is longer.

    A feed cursor is too old only if an event after it was removed: `pruned` keeps the highest
    id removed of each type. Talk of a day ago does not disturb a client that was here since.
    """
    talk_before = now - timedelta(hours=talk_hours)
    before = now - timedelta(days=alert_days)
    old_alerts, alert_events = await _drop_alerts(database, before)
    old_talk, talk_events = await _drop_talk(database, talk_before)
    async with database.write() as connection:
        other_events = await _prune(connection, events.c.at < before)
        old_gaps = await connection.execute(delete(gaps).where(gaps.c.to_at < before))
        ended = (rooms.c.state == RoomState.ENDED) & (rooms.c.ended_at < before)
        old_rooms = await connection.execute(delete(rooms).where(ended))
        await connection.execute(delete(rule_hits).where(rule_hits.c.at < before))
        await connection.execute(delete(heard_hours).where(heard_hours.c.hour < now - HOURS_KEPT))
        await remove_expired_tokens(connection, now)
        await remove_expired_sessions(connection, now)
        await remove_expired_entries(connection, now, timedelta(days=alert_days))
    await database.forget_deleted()
    return Expired(
        talk=old_talk,
        alerts=old_alerts,
        events=alert_events + talk_events + other_events,
        gaps=old_gaps.rowcount,
        rooms=old_rooms.rowcount,
    )


async def _drop_alerts(database: Database, before: datetime) -> tuple[int, int]:
    old = select(alerts.c.id).where(alerts.c.raised_at < before)
    return await _drop(database, old, alerts.c.id)


async def _drop_talk(database: Database, before: datetime) -> tuple[int, int]:
    in_a_case = (
        select(alerts.c.id)
        .where(
            alerts.c.room_id == transcripts.c.room_id,
            alerts.c.talk_from <= transcripts.c.ended_at,
            alerts.c.talk_to >= transcripts.c.started_at,
        )
        .exists()
    )
    old = select(transcripts.c.utterance_id).where(transcripts.c.ended_at < before, ~in_a_case)
    return await _drop(database, old, transcripts.c.utterance_id)


async def _drop(database: Database, old: Any, id_: Column[Any]) -> tuple[int, int]:
    """Remove the rows that `old` selects and the events about them, in batches; count both."""
    rows = pruned_events = 0
    while True:
        async with database.write() as connection:
            ids = (await connection.scalars(old.limit(BATCH))).all()
            if not ids:
                return rows, pruned_events
            pruned_events += await _prune(connection, events.c.subject.in_(ids))
            await connection.execute(delete(id_.table).where(id_.in_(ids)))
            rows += len(ids)


async def _prune(connection: AsyncConnection, these: ColumnElement[bool]) -> int:
    """Remove events, and remember how far each type has been removed."""
    highest = select(events.c.type, func.max(events.c.id)).where(these).group_by(events.c.type)
    for type_, until in (await connection.execute(highest)).all():
        await _remember(connection, type_, until)
    return (await connection.execute(delete(events).where(these))).rowcount


async def _remember(connection: AsyncConnection, type_: str, until: int) -> None:
    is_type = pruned.c.type == type_
    before = await connection.scalar(select(pruned.c.until).where(is_type))
    if before is None:
        await connection.execute(insert(pruned).values(type=type_, until=until))
    elif before < until:
        await connection.execute(update(pruned).where(is_type).values(until=until))
