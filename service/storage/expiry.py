"""Removal of expired speech: talk, alerts and the events that carry either."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any, TypeAlias, TypeVar

from sqlalchemy import Column, ColumnElement, Row, delete, func, insert, select, true, update
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
    speakers,
    transcripts,
)

_T = TypeVar("_T")
_Talk: TypeAlias = "Row[*tuple[Any, ...]]"

BATCH = 200
"""Alerts or utterances removed in one transaction, so that other writers wait only milliseconds."""
_PAGE = 2_000
"""Utterances read at a time."""
LONGEST_TALK = timedelta(hours=1)
"""More than the time around any alert. An alert is of one utterance, of some seconds."""
HOURS_KEPT = timedelta(days=400)
"""Retention of the hours of speech. They identify nobody, and show one year beside the next."""


@dataclass(frozen=True, slots=True)
class Expired:
    """Number of rows of each kind that one call removed."""

    talk: int = 0
    alerts: int = 0
    events: int = 0
    gaps: int = 0
    rooms: int = 0

    def plus(self, other: Expired) -> Expired:
        """Return the sum of two calls."""
        return Expired(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


async def expire(
    database: Database, now: datetime, *, talk_hours: float, alert_days: float
) -> Expired:
    """Remove everything past its retention. `Database.erase_removed` then clears the files.

    - Talk that is not near a stored alert: `talk_hours` after it was spoken, with its
      `transcript.heard`.
    - Alerts: `alert_days` after they were raised, with their history, hits and all events that
      carry their words, also recent ones. The talk near them may go then.
    - Gaps, all other events, ended rooms with their speakers, speakers who left a live room, and
      hits of rules (by the time of speech): `alert_days`. Hours of speech: `HOURS_KEPT`.
    - Entries of the audit log: a year, or `alert_days` if that is longer.

    A feed cursor is too old only if an event after it was removed: `pruned` has the highest removed
    id of each type. So the expiry of yesterday's talk does not disturb a connected client.
    """
    talk_before = now - timedelta(hours=talk_hours)
    before = now - timedelta(days=alert_days)
    old_alerts, alert_events = await _drop_alerts(database, before)
    old_talk, talk_events = await _drop_talk(database, talk_before)
    other_events = await _drop_events(database, before)
    old_gaps = await delete_in_batches(database, gaps.c.id, gaps.c.to_at < before)
    await delete_in_batches(database, rule_hits.c.utterance_id, rule_hits.c.at < before)
    async with database.write() as connection:
        ended = (rooms.c.state == RoomState.ENDED) & (rooms.c.ended_at < before)
        old_rooms = await connection.execute(delete(rooms).where(ended))
        left = ~speakers.c.live & (speakers.c.joined_at < before)
        await connection.execute(delete(speakers).where(left & (speakers.c.heard_until < before)))
        await connection.execute(delete(heard_hours).where(heard_hours.c.hour < now - HOURS_KEPT))
        await remove_expired_tokens(connection, now)
        await remove_expired_sessions(connection, now)
        await remove_expired_entries(connection, now, timedelta(days=alert_days))
    expired = Expired(
        talk=old_talk,
        alerts=old_alerts,
        events=alert_events + talk_events + other_events,
        gaps=old_gaps,
        rooms=old_rooms.rowcount,
    )
    if expired != Expired():
        database.note_removal()
    return expired


async def delete_in_batches(
    database: Database, id_: Column[Any], where: ColumnElement[bool]
) -> int:
    """Delete rows, at most `BATCH` ids in one transaction. Returns: the number of rows.

    Args:
        id_: Column that names rows of the table; rows with the same id must all match.
    """
    count = 0
    async with database.read() as connection:
        ids = (await connection.scalars(select(id_).where(where).distinct())).all()
    for batch in _batches(ids):
        async with database.write() as connection:
            these = delete(id_.table).where(id_.in_(batch) & where)
            count += (await connection.execute(these)).rowcount
    return count


async def _drop_events(database: Database, before: datetime) -> int:
    count = 0
    async with database.read() as connection:
        ids = (await connection.scalars(select(events.c.id).where(events.c.at < before))).all()
    for batch in _batches(ids):
        async with database.write() as connection:
            count += await _prune(connection, events.c.id.in_(batch))
    return count


async def _drop_alerts(database: Database, before: datetime) -> tuple[int, int]:
    async with database.read() as connection:
        old = select(alerts.c.id).where(alerts.c.raised_at < before)
        ids = (await connection.scalars(old)).all()
    rows = pruned_events = 0
    for batch in _batches(ids):
        async with database.write() as connection:
            dropped = await _drop(connection, batch, alerts.c.id)
        rows, pruned_events = rows + dropped[0], pruned_events + dropped[1]
    return rows, pruned_events


async def _drop_talk(database: Database, before: datetime) -> tuple[int, int]:
    rows = pruned_events = 0
    async for page in _talk_outside_cases(database, before):
        for batch in _batches(page):
            async with database.write() as connection:
                still = await _outside_cases(
                    connection, batch
                )  # an alert may have been raised since
                ids = [row.utterance_id for row in still]
                dropped = await _drop(connection, ids, transcripts.c.utterance_id)
            rows, pruned_events = rows + dropped[0], pruned_events + dropped[1]
    return rows, pruned_events


async def _talk_outside_cases(database: Database, before: datetime) -> AsyncIterator[list[_Talk]]:
    """Return utterances that ended before and are not near an alert, in the order of their ends."""
    ended_at, id_ = transcripts.c.ended_at, transcripts.c.utterance_id
    query = select(id_, ended_at, transcripts.c.room_id, transcripts.c.started_at)
    query = query.where(ended_at < before).order_by(ended_at, id_).limit(_PAGE)
    after: tuple[datetime, str] | None = None
    while True:
        async with database.read() as connection:
            page = (await connection.execute(query.where(_behind(after)))).all()
            if not page:
                return
            old = await _outside_cases(connection, page)
        after = page[-1].ended_at, page[-1].utterance_id
        yield old


def _behind(place: tuple[datetime, str] | None) -> ColumnElement[bool]:
    if place is None:
        return true()
    ended_at, id_ = transcripts.c.ended_at, transcripts.c.utterance_id
    return (ended_at >= place[0]) & ((ended_at > place[0]) | (id_ > place[1]))


async def _outside_cases(connection: AsyncConnection, talk: Sequence[_Talk]) -> list[_Talk]:
    """Return the utterances that are not near an alert.

    The alerts of these rooms and times are read once. A query for each utterance would take time
    in proportion to utterances times alerts.
    """
    cases = await _cases(connection, talk)
    return [row for row in talk if not cases[row.room_id].touch(row.started_at, row.ended_at)]


async def _cases(connection: AsyncConnection, talk: Sequence[_Talk]) -> dict[str, _Spans]:
    """Return the time around alerts, by room, that may overlap this talk."""
    by_room: defaultdict[str, list[tuple[datetime, datetime]]] = defaultdict(list)
    if talk:
        for room_id, start, end in await _read_cases(connection, talk):
            by_room[room_id].append((start, end))
    return {row.room_id: _Spans(by_room[row.room_id]) for row in talk}


async def _read_cases(
    connection: AsyncConnection, talk: Sequence[_Talk]
) -> list[tuple[str, datetime, datetime]]:
    """Read the alerts near this talk.

    Both bounds are on `talk_from`, which has an index with the room. With `talk_to` alone below,
    every earlier alert of the room would be read for each batch.
    """
    first, last = min(row.started_at for row in talk), max(row.ended_at for row in talk)
    query = select(alerts.c.room_id, alerts.c.talk_from, alerts.c.talk_to).where(
        alerts.c.room_id.in_({row.room_id for row in talk}),
        alerts.c.talk_from.between(first - LONGEST_TALK, last),
        alerts.c.talk_to >= first,
    )
    return [(row[0], row[1], row[2]) for row in await connection.execute(query)]


class _Spans:
    """Spans of time, with both ends included."""

    def __init__(self, spans: Iterable[tuple[datetime, datetime]]) -> None:
        spans = sorted(spans)
        self._from = [start for start, _ in spans]
        self._latest_to = list(accumulate((end for _, end in spans), max))

    def touch(self, start: datetime, end: datetime) -> bool:
        begun = bisect_right(self._from, end)
        return begun > 0 and self._latest_to[begun - 1] >= start


def _batches(rows: Sequence[_T]) -> Iterator[Sequence[_T]]:
    return (rows[at : at + BATCH] for at in range(0, len(rows), BATCH))


async def _drop(
    connection: AsyncConnection, ids: Sequence[str], id_: Column[Any]
) -> tuple[int, int]:
    """Remove these rows and their events. Returns: the number of each."""
    pruned_events = await _prune(connection, events.c.subject.in_(ids))
    gone = await connection.execute(delete(id_.table).where(id_.in_(ids)))
    return gone.rowcount, pruned_events


async def _prune(connection: AsyncConnection, these: ColumnElement[bool]) -> int:
    """Remove events, and store the highest removed id of each type."""
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
