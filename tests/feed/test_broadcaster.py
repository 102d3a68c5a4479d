from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import assert_never

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.feed.broadcaster import (
    TRANSIENT_EVENTS,
    Broadcaster,
    EventFilter,
    LiveEvent,
    Reset,
    Subscription,
)
from service.feed.ports import Recorded
from service.rooms.room import SpeakerLevels
from service.storage.engine import Database
from service.storage.event_log import SqlEventLog, append
from service.storage.expiry import expire
from service.storage.schema import open_database
from service.verdict.overload import OverloadChanged, Pace
from tests.storage.examples import NOW, SECOND, a_gap, a_transcript

ALL = EventFilter()
SOON_S = 30.0
"""Longest wait for a committed event, in seconds, also on a busy machine."""


async def write(database: Database, count: int = 1, *, room_id: str = "lobby") -> None:
    async with database.write() as connection:
        for _ in range(count):
            await append(connection, a_gap(room_id=room_id), NOW)


@asynccontextmanager
async def following(broadcaster: Broadcaster) -> AsyncIterator[None]:
    task = asyncio.create_task(broadcaster.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def ids(items: Sequence[Recorded | LiveEvent | Reset]) -> list[int]:
    return [item.id for item in items if isinstance(item, Recorded)]


async def read_until(subscription: Subscription, last: int) -> list[int]:
    """Return the ids of all events up to the last one that the test wrote."""
    found: list[int] = []
    while last not in found:
        page = await subscription.next(SOON_S)
        assert page, f"no event {last} after {found}"
        found += ids(page)
    return found


@pytest.mark.anyio
async def test_a_subscriber_hears_what_is_committed_after_it_came(database: Database) -> None:
    await write(database, 3)
    broadcaster = Broadcaster(SqlEventLog(database))
    async with following(broadcaster):
        with broadcaster.subscribe(3, ALL) as subscription:
            waiting = asyncio.create_task(subscription.next(SOON_S))
            await asyncio.sleep(0.05)
            assert not waiting.done()
            await write(database)
            assert ids(await waiting) == [4]


@pytest.mark.anyio
async def test_a_subscriber_resumes_from_the_log_and_goes_on_live(database: Database) -> None:
    await write(database, 10)
    broadcaster = Broadcaster(SqlEventLog(database), page_events=3)
    async with following(broadcaster):
        with broadcaster.subscribe(2, ALL) as subscription:
            assert ids(await subscription.next(SOON_S)) == [3, 4, 5]
            await write(database, 2)
            assert await read_until(subscription, 12) == [6, 7, 8, 9, 10, 11, 12]


@pytest.mark.anyio
async def test_a_slow_subscriber_misses_nothing_and_keeps_nothing_for_itself(
    database: Database,
) -> None:
    broadcaster = Broadcaster(SqlEventLog(database), ring_events=5, page_events=4)
    async with following(broadcaster):
        with broadcaster.subscribe(0, ALL) as slow, broadcaster.subscribe(0, ALL) as fast:
            seen: list[int] = []
            for last in range(3, 31, 3):
                await write(database, 3)
                seen += await read_until(fast, last)
            assert seen == list(range(1, 31))
            assert len(broadcaster.recent(broadcaster.head - 5) or ()) == 4
            assert broadcaster.recent(broadcaster.head - 6) is None
            assert await read_until(slow, 30) == list(range(1, 31))


class Held(SqlEventLog):
    """Event log that reports nothing new before the test releases it."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.let_go = asyncio.Event()

    async def wait_beyond(self, cursor: int, timeout: float) -> bool:
        await self.let_go.wait()
        return await super().wait_beyond(cursor, timeout)


@pytest.mark.anyio
@pytest.mark.parametrize("later", [0, 2])
async def test_what_expires_before_the_broadcaster_has_read_it_is_told_as_lost(
    database: Database, later: int
) -> None:
    log = Held(database)
    broadcaster = Broadcaster(log)
    async with following(broadcaster):
        with broadcaster.subscribe(0, ALL) as subscription:
            assert await subscription.next(0.05) == ()
            await write(database, 3)
            await expire(database, NOW + timedelta(days=40), talk_hours=24, alert_days=30)
            await write(database, later)
            log.let_go.set()
            found = list(await subscription.next(SOON_S))
            assert found[0] == Reset(cursor=3 + later, missed_from=0)


@pytest.mark.anyio
async def test_a_subscriber_gets_the_rooms_and_types_it_asked_for(database: Database) -> None:
    broadcaster = Broadcaster(SqlEventLog(database), ring_events=4, page_events=2)
    await write(database, 5, room_id="bar")
    await write(database, 1)
    async with database.write() as connection:
        await append(connection, a_transcript(), NOW)
    gaps_here = EventFilter("lobby", frozenset({"audio.gap"}))
    async with following(broadcaster):
        with broadcaster.subscribe(0, gaps_here) as subscription:
            assert await read_until(subscription, 6) == [6]
            await write(database, 9, room_id="bar")
            await write(database, 1)
            assert await read_until(subscription, 17) == [17]


@pytest.mark.anyio
async def test_events_of_no_room_go_to_those_who_asked_for_all_rooms(database: Database) -> None:
    await SqlEventLog(database).add(OverloadChanged(Pace.BEHIND, 4.0, 9), NOW)
    await write(database)
    broadcaster = Broadcaster(SqlEventLog(database))
    behind = EventFilter(types=frozenset({"overload.changed"}))
    async with following(broadcaster):
        with (
            broadcaster.subscribe(0, ALL) as everything,
            broadcaster.subscribe(0, EventFilter("lobby")) as lobby,
            broadcaster.subscribe(0, behind) as only_overload,
        ):
            assert await read_until(everything, 2) == [1, 2]
            assert await read_until(lobby, 2) == [2]
            assert await read_until(only_overload, 1) == [1]


@pytest.mark.anyio
async def test_levels_go_to_those_who_watch_the_room_and_the_oldest_are_dropped(
    database: Database,
) -> None:
    dropped: list[int] = []
    broadcaster = Broadcaster(SqlEventLog(database), dropped=dropped.append)
    with (
        broadcaster.subscribe(0, EventFilter("lobby")) as here,
        broadcaster.subscribe(0, EventFilter("bar")) as elsewhere,
        broadcaster.subscribe(0, EventFilter(types=frozenset({"audio.gap"}))) as gaps_only,
    ):
        for number in range(TRANSIENT_EVENTS + 3):
            broadcaster.send_live(SpeakerLevels("lobby", {"ann": float(-number)}), NOW)
        levels = [item for item in await here.next(0) if isinstance(item, LiveEvent)]
        assert [item.data["levels_dbfs"]["ann"] for item in levels] == [
            -float(number) for number in range(3, TRANSIENT_EVENTS + 3)
        ]
        assert await elsewhere.next(0) == await gaps_only.next(0) == ()
    assert sum(dropped) == 3


@pytest.mark.anyio
async def test_whoever_waits_is_let_go_at_once_when_the_feed_closes(database: Database) -> None:
    broadcaster = Broadcaster(SqlEventLog(database))
    async with following(broadcaster), asyncio.timeout(SOON_S):
        with broadcaster.subscribe(0, ALL) as subscription:
            waiting = asyncio.create_task(subscription.next(60))
            await asyncio.sleep(0.01)
            assert broadcaster.subscribers == 1
            broadcaster.close()
            assert await waiting == ()
            assert await subscription.next(60) == ()
    assert broadcaster.subscribers == 0


@pytest.mark.anyio
async def test_a_cursor_that_this_log_never_gave_is_reset_to_its_head(database: Database) -> None:
    await write(database, 3)
    broadcaster = Broadcaster(SqlEventLog(database))
    async with following(broadcaster):
        with broadcaster.subscribe(99, ALL) as subscription:
            assert await subscription.next(SOON_S) == [Reset(cursor=3, missed_from=99)]
            await write(database)
            assert ids(await subscription.next(SOON_S)) == [4]


@pytest.mark.anyio
async def test_only_a_cursor_older_than_an_expired_event_is_reset(database: Database) -> None:
    async with database.write() as connection:
        for day in range(4):
            await append(connection, a_gap(), NOW + timedelta(days=day))
    later = NOW + timedelta(days=31) + SECOND
    await expire(database, later, talk_hours=24, alert_days=30)
    broadcaster = Broadcaster(SqlEventLog(database))
    async with following(broadcaster):
        with broadcaster.subscribe(1, ALL) as old, broadcaster.subscribe(2, ALL) as recent:
            assert await old.next(SOON_S) == [Reset(cursor=4, missed_from=1)]
            assert await recent.next(SOON_S) == await SqlEventLog(database).read(2, 9)
        only_talk = EventFilter(types=frozenset({"transcript.heard"}))
        with broadcaster.subscribe(0, only_talk) as undisturbed:
            assert await undisturbed.next(0) == ()


@pytest.mark.anyio
async def test_what_expires_from_the_log_leaves_the_memory_too(database: Database) -> None:
    broadcaster = Broadcaster(SqlEventLog(database))
    async with following(broadcaster):
        with broadcaster.subscribe(0, ALL) as subscription:
            await write(database, 3)
            assert await read_until(subscription, 3) == [1, 2, 3]
        await expire(database, NOW + timedelta(days=31), talk_hours=24, alert_days=30)
        await broadcaster.forget_expired()
        assert broadcaster.recent(2) is None
        assert broadcaster.recent(3) == []
        with broadcaster.subscribe(2, ALL) as old:
            assert await old.next(SOON_S) == [Reset(cursor=3, missed_from=2)]


@pytest.mark.anyio
async def test_after_a_failure_the_broadcaster_goes_on_where_it_was(database: Database) -> None:
    broadcaster = Broadcaster(SqlEventLog(database))
    with broadcaster.subscribe(0, ALL) as subscription:
        for event in (1, 2, 3):
            async with following(broadcaster):
                await asyncio.sleep(0.02)
                await write(database)
                assert ids(await subscription.next(SOON_S)) == [event]


ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("commit"), st.integers(1, 6)),
        st.tuples(st.just("expire"), st.integers(1, 20)),
        st.tuples(st.sampled_from(["read", "reconnect"]), st.integers(0, 1)),
    ),
    max_size=25,
)


@given(ACTS)
@settings(max_examples=40, deadline=None)
def test_every_event_reaches_every_subscriber_once_or_lies_in_a_reset(
    acts: list[tuple[str, int]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(f"sqlite:///{folder}/earshot.db", acts))


async def play(url: str, acts: list[tuple[str, int]]) -> None:
    """Two clients that read and resume by their last id, while `expire` lets days pass."""
    database = await open_database(url)
    broadcaster = Broadcaster(SqlEventLog(database), ring_events=4, page_events=3)
    clients = [Client(broadcaster), Client(broadcaster)]
    try:
        async with following(broadcaster):
            await act_out(database, clients, acts)
            latest = await broadcaster.log.latest()
            for client in clients:
                while client.covered < latest:
                    await client.read(SOON_S)
                assert client.seen | client.lost == set(range(1, latest + 1))
    finally:
        await database.close()


async def act_out(database: Database, clients: list[Client], acts: list[tuple[str, int]]) -> None:
    now = NOW
    for act, number in acts:
        match act:
            case "commit":
                async with database.write() as connection:
                    for _ in range(number):
                        await append(connection, a_gap(), now)
            case "expire":
                now += timedelta(days=number)
                await expire(database, now, talk_hours=24, alert_days=30)
                if number % 2:
                    await clients[0].broadcaster.forget_expired()
            case "read":
                await clients[number].read(0.0)
            case "reconnect":
                clients[number].reconnect()


class Client:
    """Client that stores its events, as a browser does, and the reset events."""

    def __init__(self, broadcaster: Broadcaster) -> None:
        self.seen: set[int] = set()
        self.lost: set[int] = set()
        self.covered = 0
        self.broadcaster = broadcaster
        self._subscription = broadcaster.subscribe(0, ALL)

    def reconnect(self) -> None:
        self._subscription = self.broadcaster.subscribe(self.covered, ALL)

    async def read(self, seconds: float) -> None:
        with self._subscription as subscription:
            for item in await subscription.next(seconds):
                match item:
                    case Recorded():
                        assert item.id > self.covered
                        self.covered = item.id
                        self.seen.add(item.id)
                    case Reset():
                        assert item.missed_from == self.covered
                        assert self.covered < await self.broadcaster.log.pruned_until()
                        self.lost |= set(range(self.covered + 1, item.cursor + 1))
                        self.covered = item.cursor
                    case LiveEvent():
                        raise AssertionError
                    case _:
                        assert_never(item)


@pytest.mark.anyio
async def test_a_scoped_subscriber_gets_nothing_of_other_rooms_live_or_from_the_log(
    database: Database,
) -> None:
    broadcaster = Broadcaster(SqlEventLog(database))
    async with following(broadcaster):
        with broadcaster.subscribe(0, EventFilter(rooms=("club-*",))) as ours:
            await write(database, room_id="bar-1")
            await write(database, room_id="")
            await write(database, room_id="club-1")
            assert await read_until(ours, 3) == [3]
            for room_id in ("bar-1", "", "club-1"):
                broadcaster.send_live(SpeakerLevels(room_id, {"ann": -20.0}), NOW)
            live = [item for item in await ours.next(SOON_S) if isinstance(item, LiveEvent)]
            assert [item.room_id for item in live] == ["club-1"]
