"""Heard-until marks of speakers, gaps, and utterances."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.clock import Clock, utc_now
from service.listening.events import AudioGap, HeardUntil, TranscriptHeard
from service.storage.engine import Database
from service.storage.event_log import append
from service.storage.paging import cursor_of, older_than
from service.storage.tables import gaps, speakers, transcripts
from service.storage.types import UtcTime

# One statement for all marks: each statement is a round trip to the database's thread.
_AT = bindparam("at", type_=UtcTime)
_AHEAD = (
    update(speakers)
    .where(
        speakers.c.room_id == bindparam("of_room"),
        speakers.c.id == bindparam("of_speaker"),
        speakers.c.heard_until < _AT,
    )
    .values(heard_until=_AT)
)


class SqlHearing:
    """`service.listening.ports.HearingStore`."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def mark(self, marks: Sequence[HeardUntil]) -> None:
        if not marks:
            return
        async with self._database.write() as connection:
            await connection.execute(_AHEAD, [_parameters(mark) for mark in marks])

    async def gap(self, gap: AudioGap) -> None:
        values = {
            "room_id": gap.room_id,
            "speaker_id": gap.speaker_id,
            "from_at": gap.from_at,
            "to_at": gap.to_at,
            "reason": gap.reason,
        }
        async with self._database.write() as connection:
            await connection.execute(insert(gaps).values(values))
            await append(connection, gap, self._clock())

    async def gaps(self, room_id: str, limit: int) -> Sequence[AudioGap]:
        query = select(gaps).where(gaps.c.room_id == room_id)
        query = query.order_by(gaps.c.to_at.desc(), gaps.c.id.desc()).limit(limit)
        async with self._database.read() as connection:
            return [_gap(row) for row in await connection.execute(query)]

    async def gaps_between(
        self, room_id: str, from_at: datetime, to_at: datetime
    ) -> Sequence[AudioGap]:
        table = gaps.c
        query = select(gaps).where(
            table.room_id == room_id, table.to_at >= from_at, table.from_at <= to_at
        )
        query = query.order_by(table.from_at, table.id)
        async with self._database.read() as connection:
            return [_gap(row) for row in await connection.execute(query)]

    async def interrupted(self) -> Sequence[HeardUntil]:
        query = select(speakers.c.room_id, speakers.c.id, speakers.c.heard_until)
        query = query.where(speakers.c.live).order_by(speakers.c.room_id, speakers.c.id)
        async with self._database.read() as connection:
            return [HeardUntil(*row) for row in await connection.execute(query)]

    async def talk(
        self, room_id: str, from_at: datetime, to_at: datetime
    ) -> Sequence[TranscriptHeard]:
        """Return the utterances with words that overlap this period."""
        table = transcripts.c
        query = select(transcripts).where(
            table.room_id == room_id,
            table.started_at <= to_at,
            table.ended_at >= from_at,
            table.text != "",
        )
        query = query.order_by(table.started_at, table.utterance_id)
        async with self._database.read() as connection:
            return [_transcript(row) for row in await connection.execute(query)]

    async def talk_page(
        self, room_id: str, *, limit: int, cursor: str | None
    ) -> tuple[Sequence[TranscriptHeard], str | None]:
        table = transcripts.c
        query = select(transcripts).where(table.room_id == room_id, table.text != "")
        if cursor is not None:
            query = query.where(older_than(cursor, table.started_at, table.utterance_id))
        query = query.order_by(table.started_at.desc(), table.utterance_id.desc())
        async with self._database.read() as connection:
            found = [_transcript(row) for row in await connection.execute(query.limit(limit + 1))]
        page = found[:limit]
        more = len(found) > limit
        return page, cursor_of(page[-1].started_at, page[-1].utterance_id) if more else None


async def record(connection: AsyncConnection, heard: TranscriptHeard, now: datetime) -> bool:
    """Store an utterance and its `transcript.heard`, if it has words. Returns: False if known."""
    if await is_on_record(connection, heard.utterance_id):
        return False
    await connection.execute(insert(transcripts).values(_columns(heard)))
    if heard.text:
        await append(connection, heard, now)
    return True


async def is_on_record(connection: AsyncConnection, utterance_id: str) -> bool:
    known = select(transcripts.c.utterance_id).where(transcripts.c.utterance_id == utterance_id)
    return (await connection.execute(known)).first() is not None


def _parameters(mark: HeardUntil) -> dict[str, Any]:
    return {"of_room": mark.room_id, "of_speaker": mark.speaker_id, "at": mark.at}


def _columns(heard: TranscriptHeard) -> dict[str, Any]:
    return {
        "utterance_id": heard.utterance_id,
        "room_id": heard.room_id,
        "speaker_id": heard.speaker_id,
        "speaker_name": heard.speaker_name,
        "started_at": heard.started_at,
        "ended_at": heard.ended_at,
        "language": heard.language,
        "text": heard.text,
        "marks": list(heard.marks),
        "model": heard.model,
        "provisional": heard.provisional,
    }


def _gap(row: Row[Any]) -> AudioGap:
    return AudioGap(row.room_id, row.speaker_id, row.from_at, row.to_at, row.reason)


def _transcript(row: Row[Any]) -> TranscriptHeard:
    return TranscriptHeard(
        utterance_id=row.utterance_id,
        room_id=row.room_id,
        speaker_id=row.speaker_id,
        speaker_name=row.speaker_name,
        started_at=row.started_at,
        ended_at=row.ended_at,
        language=row.language,
        text=row.text,
        marks=tuple(row.marks),
        model=row.model,
        provisional=row.provisional,
    )
