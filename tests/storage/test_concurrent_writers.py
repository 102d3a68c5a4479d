"""Sixteen writers, and readers by cursor: nothing is skipped, repeated or out of order."""

from __future__ import annotations

import asyncio
import json
import random
import sys
import tempfile
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.feed.ports import Recorded
from service.storage.engine import Database
from service.storage.event_log import SqlEventLog
from service.storage.schema import open_database
from tests.postgres import Postgres
from tests.storage.examples import only_postgres
from tests.storage.writers import Committed, faults, follow, write

WRITERS, PROCESSES = 16, 4


@pytest.mark.anyio
async def test_readers_skip_nothing_however_writers_of_several_processes_overlap(
    database: Database, url: str
) -> None:
    log = SqlEventLog(database)
    async with asyncio.TaskGroup() as tasks:
        writing = [
            tasks.create_task(in_a_process(url, seed, WRITERS // PROCESSES, 12))
            for seed in range(PROCESSES)
        ]
        reading = [
            tasks.create_task(follow(log, random.Random(seed), writing)) for seed in range(3)
        ]
    committed = [each for task in writing for each in task.result()]
    assert len(committed) > WRITERS * 12 * 0.7
    for reader in reading:
        assert faults(committed, reader.result()) == []


@only_postgres
@pytest.mark.anyio
async def test_ids_are_in_the_order_of_the_commits_by_postgresqls_own_clock(
    database: Database, url: str, postgres: Postgres
) -> None:
    async with asyncio.TaskGroup() as tasks:
        for seed in range(2):
            tasks.create_task(in_a_process(url, seed, WRITERS // 2, 10))
    in_commit_order = postgres.sql(
        "SELECT id FROM events ORDER BY pg_xact_commit_timestamp(xmin), id", url.rpartition("/")[2]
    )
    ids = [int(line) for line in in_commit_order.splitlines()]
    assert len(ids) > WRITERS * 10
    assert ids == sorted(ids)


SEEDS = st.integers(0, 2**32)


@given(SEEDS)
@settings(max_examples=6)
def test_readers_skip_nothing_on_sqlite_whatever_the_delays(seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert asyncio.run(race(f"sqlite:///{folder}/earshot.db", seed)) == []


@pytest.mark.postgres
@given(seed=SEEDS)
@settings(max_examples=6)
def test_readers_skip_nothing_on_postgresql_whatever_the_delays(
    postgres: Postgres, seed: int
) -> None:
    with postgres.database(migrated=True) as url:
        assert asyncio.run(race(url, seed)) == []


async def race(url: str, seed: int) -> list[str]:
    """Write from sixteen connections of this process, each at random times."""
    databases = [await open_database(url), *(Database(url) for _ in range(WRITERS - 1))]
    committed: list[Committed] = []
    seen: Sequence[Recorded] = []
    try:
        async with asyncio.TaskGroup() as tasks:
            writing = [
                tasks.create_task(write(each, str(number), random.Random(seed + number), 3))
                for number, each in enumerate(databases)
            ]
            reading = tasks.create_task(
                follow(SqlEventLog(databases[0]), random.Random(seed), writing)
            )
        committed = [each for task in writing for each in task.result()]
        seen = reading.result()
    finally:
        for database in databases:
            await database.close()
    return faults(committed, seen)


async def in_a_process(url: str, seed: int, writers: int, count: int) -> list[Committed]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.storage.writers", str(seed), str(writers), str(count)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    written, _ = await process.communicate(url.encode())
    assert process.returncode == 0
    return [Committed(**each) for each in json.loads(written)]
