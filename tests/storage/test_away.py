"""A database that becomes unavailable and returns."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from collections.abc import Callable

import pytest

from service.errors import ConfigurationError, StoreAway
from service.storage.database_lock import lock_database
from service.storage.engine import Database, parse_url
from service.storage.event_log import SqlEventLog, append
from service.storage.postgres import SERVER_LOCK, connect
from service.storage.schema import migrate, open_database
from tests.postgres import Postgres
from tests.storage.examples import NOW, a_gap, only_sqlite

pytestmark = pytest.mark.anyio


async def write(database: Database) -> None:
    async with database.write() as connection:
        await append(connection, a_gap(), NOW)


async def until(is_so: Callable[[], bool]) -> None:
    for _ in range(500):
        if is_so():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


@pytest.mark.postgres
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT])
async def test_what_postgresql_forgets_while_it_is_away_is_nothing(
    own_postgres: Postgres, how: signal.Signals
) -> None:
    database = await open_database(own_postgres.url("migrated"))
    log = SqlEventLog(database)
    await write(database)
    await asyncio.to_thread(own_postgres.stop, how)
    for _ in range(3):
        with pytest.raises(StoreAway):
            await write(database)
        with pytest.raises(StoreAway):
            await log.latest()
        with pytest.raises(StoreAway):
            await database.check()
    await asyncio.to_thread(own_postgres.start)
    await database.check()
    await write(database)
    assert len(await log.read(0, 10)) == 2
    await database.close()


@pytest.mark.postgres
async def test_a_hold_is_taken_again_after_a_restart_and_nothing_is_written_before(
    own_postgres: Postgres,
) -> None:
    url = own_postgres.url("migrated")
    async with lock_database(url) as hold:
        database = Database(url, may_write=hold.why_not)
        await write(database)
        await asyncio.to_thread(own_postgres.stop)
        await until(lambda: bool(hold.why_not()))
        with pytest.raises(StoreAway, match="is not held by this server yet"):
            await write(database)
        await asyncio.to_thread(own_postgres.start)
        await until(lambda: not hold.why_not())
        await write(database)
        assert not hold.lost.is_set()
        await database.close()


@pytest.mark.postgres
async def test_a_hold_that_another_server_took_meanwhile_is_lost_with_a_sentence(
    own_postgres: Postgres,
) -> None:
    url = own_postgres.url("migrated")
    async with lock_database(url, patience_s=0.5) as hold:
        other = await connect(parse_url(url))
        waiting = asyncio.create_task(other.execute(f"SELECT pg_advisory_lock({SERVER_LOCK})"))
        await asyncio.sleep(0.2)  # it waits in the queue and is next
        held = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted"
        end = f"SELECT pg_terminate_backend(pid) FROM ({held}) AS holder"
        await asyncio.to_thread(own_postgres.sql, end, "migrated")
        await waiting
        async with asyncio.timeout(10):
            await hold.lost.wait()
        assert "is in use by another server" in hold.why_not()
        await other.close()


async def test_a_second_server_is_refused_and_may_start_once_the_first_has_ended(url: str) -> None:
    await asyncio.to_thread(migrate, url)
    async with lock_database(url):
        with pytest.raises(ConfigurationError, match="in use by another server"):
            async with lock_database(url, patience_s=0):
                pass
    async with lock_database(url) as hold:
        assert hold.why_not() == ""


@only_sqlite
async def test_a_locked_file_is_away_for_writers_and_not_for_readers(
    database: Database, url: str
) -> None:
    await write(database)
    holder = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreAway):
        await write(database)
    assert await SqlEventLog(database).latest() == 1
    holder.execute("ROLLBACK")
    holder.close()
    await database.check()
    await write(database)
    assert len(await SqlEventLog(database).read(0, 10)) == 2
