from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import StatementError

from service.storage.engine import Database
from service.storage.event_log import SqlEventLog, append
from service.storage.tables import events, gaps
from tests.storage.examples import NOW, a_gap

pytestmark = pytest.mark.anyio


async def test_a_failed_transaction_leaves_nothing_and_wakes_nobody(database: Database) -> None:
    commit = database.next_commit()
    with suppress(ZeroDivisionError):
        async with database.write() as connection:
            await append(connection, a_gap(), NOW)
            raise ZeroDivisionError
    assert not commit.is_set()
    assert await SqlEventLog(database).latest() == 0


async def test_nobody_sees_or_hears_of_an_event_before_its_commit(database: Database) -> None:
    log = SqlEventLog(database)
    commit = database.next_commit()
    async with database.write() as connection:
        await append(connection, a_gap(), NOW)
        assert await log.read(0, 10) == []
        assert not commit.is_set()
    assert commit.is_set()
    assert len(await log.read(0, 10)) == 1


@pytest.mark.parametrize("after_s", [0.0, 0.001, 0.003, 0.01])
async def test_a_cancelled_writer_lets_the_next_one_write(
    database: Database, after_s: float
) -> None:
    async def write_and_wait() -> None:
        async with database.write() as connection:
            await append(connection, a_gap(), NOW)
            await asyncio.Event().wait()

    task = asyncio.create_task(write_and_wait())
    await asyncio.sleep(after_s)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    async with database.write() as connection:
        await append(connection, a_gap(), NOW)
    assert len(await SqlEventLog(database).read(0, 10)) == 1


async def test_a_time_comes_back_as_the_same_moment_and_compares_as_one(
    database: Database,
) -> None:
    berlin = timezone(timedelta(hours=2))
    early = datetime(2026, 5, 17, 1, 30, tzinfo=berlin)  # 23:30 of the day before, UTC
    late = datetime(2026, 5, 17, 0, 0, 0, 1, tzinfo=UTC)
    async with database.write() as connection:
        await append(connection, a_gap(), late)
        await append(connection, a_gap(), early)
    async with database.read() as connection:
        rows = (await connection.scalars(select(events.c.at).order_by(events.c.at))).all()
        before = select(events.c.id).where(events.c.at < datetime(2026, 5, 17, 2, tzinfo=berlin))
        assert (await connection.scalars(before)).all() == [2]
    assert rows == [early, late]
    assert all(row.utcoffset() == timedelta(0) for row in rows)


async def test_a_time_without_a_zone_is_refused(database: Database) -> None:
    naive = NOW.replace(tzinfo=None)
    row = {"room_id": "r", "speaker_id": "s", "from_at": naive, "to_at": NOW, "reason": ""}
    with pytest.raises(StatementError, match="a time without a zone cannot be stored"):
        async with database.write() as connection:
            await connection.execute(insert(gaps).values(row))
