"""Stored transcripts, for back-tests."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, or_, select

from policies.stored import Stored
from service.storage.engine import Database
from service.storage.tables import rooms, speakers, transcripts

BATCH = 250
"""Utterances read in one transaction, a few milliseconds of the event loop."""


class SqlSaid:
    """`service.rulebook.backtesting.PastSpeech`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def count(
        self, since: datetime | None, until: datetime | None, room_id: str | None
    ) -> int:
        wanted = _wanted(since, until, room_id)
        async with self._database.read() as connection:
            query = select(func.count()).select_from(transcripts).where(wanted)
            return int((await connection.execute(query)).scalar_one())

    async def newest(
        self, since: datetime | None, until: datetime | None, room_id: str | None, limit: int
    ) -> Sequence[Stored]:
        table = transcripts.c
        said = (
            select(
                table.utterance_id,
                table.room_id,
                table.speaker_id,
                table.language,
                table.text,
                table.started_at,
                table.ended_at,
                speakers.c.role,
                rooms.c.policies,
            )
            .select_from(
                transcripts.outerjoin(rooms, rooms.c.id == table.room_id).outerjoin(
                    speakers,
                    and_(speakers.c.room_id == table.room_id, speakers.c.id == table.speaker_id),
                )
            )
            .order_by(table.ended_at.desc(), table.utterance_id.desc())
        )
        found: list[Stored] = []
        before: ColumnElement[bool] | None = None
        while len(found) < limit:
            wanted = _wanted(since, until, room_id)
            query = said.where(wanted if before is None else and_(wanted, before))
            async with self._database.read() as connection:
                rows = (await connection.execute(query.limit(min(BATCH, limit - len(found))))).all()
            if not rows:
                break
            last = rows[-1]
            before = or_(
                table.ended_at < last.ended_at,
                and_(table.ended_at == last.ended_at, table.utterance_id < last.utterance_id),
            )
            found += [
                Stored(
                    room_id=row.room_id,
                    speaker_id=row.speaker_id,
                    language=row.language,
                    text=row.text,
                    at_s=row.started_at.timestamp(),
                    seconds=(row.ended_at - row.started_at).total_seconds(),
                    role=row.role or "",
                    id=row.utterance_id,
                    packs=frozenset(row.policies or ()) or None,
                )
                for row in rows
            ]
        return await asyncio.to_thread(sorted, found, key=lambda each: (each.at_s, each.id))


def _wanted(
    since: datetime | None, until: datetime | None, room_id: str | None
) -> ColumnElement[bool]:
    table = transcripts.c
    wanted = [table.text != ""]
    if since is not None:
        wanted += [table.started_at >= since, table.ended_at >= since]  # the latter has an index
    if until is not None:
        wanted.append(table.started_at < until)
    if room_id is not None:
        wanted.append(table.room_id == room_id)
    return and_(*wanted)
