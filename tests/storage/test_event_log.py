from __future__ import annotations

import asyncio
import tempfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.feed.event import Event, data
from service.feed.ports import EventLog
from service.rulebook.version import PoliciesChanged
from service.storage.engine import Database
from service.storage.event_log import SqlEventLog, append
from service.storage.schema import open_database
from service.verdict.overload import OverloadChanged, Pace
from tests.feed.examples import STORED
from tests.storage.examples import NOW, a_gap


async def write(database: Database, count: int = 1) -> None:
    async with database.write() as connection:
        for _ in range(count):
            await append(connection, a_gap(), NOW)


@pytest.mark.anyio
@pytest.mark.parametrize("event", STORED, ids=lambda event: event.type)
async def test_every_event_comes_out_of_the_log_with_the_json_it_went_in(
    database: Database, event: Event
) -> None:
    async with database.write() as connection:
        await append(connection, event, NOW)
    (recorded,) = await SqlEventLog(database).read(0, 10)
    assert (recorded.id, recorded.type, recorded.at) == (1, event.type, NOW)
    assert recorded.room_id == (
        "" if isinstance(event, OverloadChanged | PoliciesChanged) else "lobby"
    )
    assert recorded.data == data(event)


@pytest.mark.anyio
async def test_an_empty_log_begins_at_zero(database: Database) -> None:
    log: EventLog = SqlEventLog(database)
    assert await log.latest() == 0
    assert await log.pruned_until() == 0
    assert await log.read(0, 10) == []


@pytest.mark.anyio
async def test_waiting_ends_with_a_commit_in_this_process_at_once(database: Database) -> None:
    log = SqlEventLog(database, poll_s=3_600)
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(log.wait_beyond(0, 30))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        await write(database)
    assert await log.wait_beyond(0, 0)


@pytest.mark.anyio
async def test_waiting_ends_with_a_commit_of_another_process(database: Database, url: str) -> None:
    log, other = SqlEventLog(database), Database(url)
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(log.wait_beyond(0, 30))
        await asyncio.sleep(0.05)
        await write(other)
    assert waiting.result()
    await other.close()


@pytest.mark.anyio
async def test_waiting_ends_when_its_time_is_up(database: Database) -> None:
    assert not await SqlEventLog(database).wait_beyond(0, 0.01)
    assert not await SqlEventLog(database).wait_beyond(0, 0)


@pytest.mark.anyio
async def test_waiting_that_is_cancelled_as_a_commit_comes_ends(database: Database) -> None:
    waiting = asyncio.create_task(SqlEventLog(database).wait_beyond(10**9, 30))
    await asyncio.sleep(0.05)
    await write(database)
    waiting.cancel()
    async with asyncio.timeout(30):
        with pytest.raises(asyncio.CancelledError):
            await waiting


ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("commit"), st.integers(1, 4)),
        st.tuples(st.sampled_from(["ann", "bob"]), st.integers(1, 3)),
    ),
    max_size=20,
)


@given(ACTS)
@settings(max_examples=25, deadline=None)
def test_readers_resume_without_loss_or_doubles_however_commits_and_reads_interleave(
    acts: list[tuple[str, int]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(interleave(f"sqlite:///{folder}/earshot.db", acts))


async def interleave(url: str, acts: list[tuple[str, int]]) -> None:
    database = await open_database(url)
    log = SqlEventLog(database)
    seen: dict[str, list[int]] = {"ann": [], "bob": []}
    for name, count in [*acts, ("ann", 1000), ("bob", 1000)]:
        if name == "commit":
            await write(database, count)
        else:
            after = max(seen[name], default=0)
            seen[name] += [event.id for event in await log.read(after, count)]
    everything = list(range(1, await log.latest() + 1))
    await database.close()
    assert seen == {"ann": everything, "bob": everything}


@pytest.mark.anyio
async def test_the_last_event_of_a_type_is_found_among_the_newest(database: Database) -> None:
    log = SqlEventLog(database)
    assert await log.last("overload.changed") is None
    for state in (Pace.BEHIND, Pace.NORMAL):
        await log.add(OverloadChanged(state, 4.0, 9), NOW)
    async with database.write() as connection:
        for _ in range(3):
            await append(connection, a_gap(), NOW)
    last = await log.last("overload.changed", among=4)
    assert last is not None
    assert (last.id, last.room_id, last.data) == (
        2,
        "",
        {"state": "normal", "behind_s": 4.0, "waiting": 9, "measure": "none"},
    )
    assert await log.last("overload.changed", among=3) is None
