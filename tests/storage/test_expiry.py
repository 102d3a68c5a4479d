from __future__ import annotations

import asyncio
import random
import re
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from service.alerts.alert import TALK_AROUND, AlertRaised
from service.alerts.decisions import Person
from service.rooms.room import RoomState
from service.storage import compaction, expiry
from service.storage.alerts import SqlAlerts
from service.storage.engine import Database
from service.storage.event_log import SqlEventLog
from service.storage.expiry import BATCH, Expired, expire
from service.storage.hearing import SqlHearing
from service.storage.rooms import SqlRooms, SqlTokens
from service.storage.tables import transcripts
from tests.storage.examples import (
    NOW,
    SECOND,
    SetClock,
    a_gap,
    a_room,
    a_speaker,
    a_transcript,
    an_alert,
    only_sqlite,
)

pytestmark = pytest.mark.anyio

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


class Stores:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = SetClock()
        self.alerts = SqlAlerts(database, self.clock)
        self.hearing = SqlHearing(database, self.clock)
        self.rooms = SqlRooms(database, self.clock)
        self.log = SqlEventLog(database)

    async def hear(self, id_: str, *, alert: str | None = None) -> None:
        """Store two seconds of speech that end now, with an alert if one is named."""
        now = self.clock()
        raised = AlertRaised(an_alert(alert or "", now, utterance_id=id_))
        await self.alerts.commit(a_transcript(id_, now), [raised] if alert else [])

    async def expire(self) -> Expired:
        return await expire(self.database, self.clock(), talk_hours=24, alert_days=30)

    async def erase(self) -> bool:
        return await self.database.erase_removed(self.clock())

    async def types(self) -> list[str]:
        return [event.type for event in await self.log.read(0, 100)]

    async def texts(self) -> list[str]:
        async with self.database.read() as connection:
            return list((await connection.scalars(select(transcripts.c.text))).all())

    async def talk(self) -> list[str]:
        found = await self.hearing.talk("lobby", NOW - 99 * DAY, NOW + 99 * DAY)
        return [heard.utterance_id for heard in found]


@pytest.fixture
def stores(database: Database) -> Stores:
    return Stores(database)


async def test_talk_goes_after_a_day_and_its_events_with_it(stores: Stores) -> None:
    await stores.hear("old")
    stores.clock.now += HOUR
    await stores.hear("new")
    stores.clock.now += 23 * HOUR + 3 * SECOND
    assert await stores.expire() == Expired(talk=1, events=1)
    assert await stores.talk() == ["new"]
    assert [event.id for event in await stores.log.read(0, 9)] == [2]
    assert await stores.log.pruned_until() == 1
    assert await stores.expire() == Expired()


async def test_talk_within_a_minute_of_an_alert_stays_as_long_as_the_alert(stores: Stores) -> None:
    for id_, pause, alert in (
        ("long before", 0, None),
        ("before", 60, None),
        ("alert", 60, "a1"),
        ("after", 60, None),
        ("long after", 60, None),
    ):
        stores.clock.now += pause * SECOND
        await stores.hear(id_, alert=alert)
    stores.clock.now += 29 * DAY
    assert await stores.expire() == Expired(talk=2, events=2)
    assert await stores.talk() == ["before", "alert", "after"]
    stores.clock.now += DAY
    assert await stores.expire() == Expired(talk=3, alerts=1, events=4)
    assert await stores.talk() == []
    assert await stores.types() == []


async def test_an_alert_of_another_room_keeps_no_talk(stores: Stores) -> None:
    await stores.hear("u1", alert="a1")
    await stores.alerts.commit(a_transcript("u2", room_id="other"), [])
    stores.clock.now += 2 * DAY
    assert await stores.expire() == Expired(talk=1, events=1)


async def test_of_much_talk_and_many_alerts_what_belongs_to_no_case_goes(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expiry, "_PAGE", 7)
    dice = random.Random(5)
    kept, cases = [], []
    said = [(f"u{n}", f"room {n % 3}", NOW + dice.randrange(7_200) * SECOND) for n in range(60)]
    for number, (id_, room, at) in enumerate(said):
        raised = [AlertRaised(an_alert(f"a{number}", at, utterance_id=id_, room_id=room))]
        here = raised if number % 10 == 0 else []
        await stores.alerts.commit(a_transcript(id_, at, room_id=room), here)
        cases += [(room, one.alert.speech_started_at, one.alert.speech_ended_at) for one in here]
    for id_, room, at in said:
        spoken = a_transcript(id_, at)
        near = any(
            room == of
            and start - TALK_AROUND <= spoken.ended_at
            and spoken.started_at <= end + TALK_AROUND
            for of, start, end in cases
        )
        kept += [id_] if near else []
    stores.clock.now += 2 * DAY
    assert (await stores.expire()).talk == len(said) - len(kept)
    left = [
        heard.utterance_id
        for room in ("room 0", "room 1", "room 2")
        for heard in await stores.hearing.talk(room, NOW - DAY, NOW + DAY)
    ]
    assert sorted(left) == sorted(kept)
    assert len(cases) < len(kept) < len(said)


async def test_whoever_left_a_room_that_goes_on_goes_after_thirty_days(stores: Stores) -> None:
    await stores.rooms.add(a_room())
    for name in ("ann", "bob"):
        await stores.rooms.speaker_joined(a_speaker(name), stores.clock())
    await stores.rooms.speaker_left(a_speaker("ann"), "left", stores.clock())
    stores.clock.now += 29 * DAY
    await stores.expire()
    assert [one.id for one in await stores.rooms.speakers("lobby")] == ["ann", "bob"]
    stores.clock.now += 2 * DAY
    await stores.expire()
    assert [one.id for one in await stores.rooms.speakers("lobby")] == ["bob"]


async def test_an_alert_goes_with_its_history_its_hits_and_every_event_of_it(
    stores: Stores,
) -> None:
    await stores.hear("u1", alert="a1")
    stores.clock.now += 29 * DAY + 23 * HOUR
    assert await stores.alerts.decide("a1", Person("Mo", stores.clock()).acknowledge)
    await stores.expire()
    assert await stores.types() == ["transcript.heard", "alert.raised", "alert.updated"]
    stores.clock.now += 2 * HOUR
    assert await stores.expire() == Expired(talk=1, alerts=1, events=3)
    assert await stores.alerts.get("a1") is None
    assert await stores.alerts.history("a1") == []
    assert await stores.alerts.hits("lobby", "ann", NOW - DAY) == []


async def test_gaps_rooms_and_other_events_go_after_thirty_days(stores: Stores) -> None:
    await stores.rooms.add(a_room())
    await stores.rooms.speaker_joined(a_speaker(), NOW)
    await SqlTokens(stores.database).add_token("digest", a_speaker(), NOW + HOUR)
    await stores.hearing.gap(a_gap())
    await stores.rooms.set_state("lobby", RoomState.ENDED, "deleted")
    await stores.rooms.add(a_room("open"))
    stores.clock.now += 29 * DAY
    assert await stores.expire() == Expired()
    assert await SqlTokens(stores.database).find_token("digest", NOW) is None
    stores.clock.now += DAY + 2 * SECOND
    assert await stores.expire() == Expired(events=5, gaps=1, rooms=1)
    assert [room.id for room in await stores.rooms.listening()] == ["open"]
    assert await stores.rooms.speakers("lobby") == []
    assert await stores.hearing.gaps("lobby", 9) == []
    assert await stores.log.latest() == 5


async def test_the_daily_round_leaves_a_recent_cursor_good_and_an_old_one_not(
    stores: Stores,
) -> None:
    """A cursor is too old if and only if an event after it was removed."""
    await stores.hear("u1")
    yesterday = await stores.log.latest()
    stores.clock.now += 25 * HOUR
    await stores.hear("u2", alert="a1")
    await stores.expire()
    assert await stores.log.pruned_until() == yesterday
    assert await stores.log.pruned_until({"transcript.heard"}) == yesterday
    assert await stores.log.pruned_until({"alert.raised", "alert.updated"}) == 0


async def test_an_id_is_never_given_twice(stores: Stores) -> None:
    await stores.hear("u1")
    stores.clock.now += 2 * DAY
    await stores.expire()
    await stores.expire()
    assert await stores.types() == []
    await stores.hear("u2")
    assert await stores.log.latest() == 2


async def test_more_than_a_batch_goes_in_one_call(stores: Stores) -> None:
    for number in range(BATCH + 1):
        await stores.hear(f"u{number}")
    stores.clock.now += 2 * DAY
    assert await stores.expire() == Expired(talk=BATCH + 1, events=BATCH + 1)


@only_sqlite
async def test_no_expired_word_is_left_in_the_files(stores: Stores, tmp_path: Path) -> None:
    secret = "xylophone"
    for number in range(50):
        heard = a_transcript(f"u{number}", text=f"{secret} {number} " * 20)
        await stores.alerts.commit(heard, [])
    assert secret.encode() in contents(tmp_path)
    stores.clock.now += 2 * DAY
    await stores.expire()
    assert await stores.erase()
    assert secret.encode() not in contents(tmp_path)


@only_sqlite
async def test_words_that_stood_beside_expired_ones_leave_the_file_when_they_expire(
    stores: Stores, tmp_path: Path
) -> None:
    """SQLite moves rows as others go, and leaves copies of them even with `secure_delete`."""
    dice = random.Random(3)
    for number in range(600):
        words = f"word{number:04d} " + "blah " * dice.randrange(2, 60)
        raised = [AlertRaised(an_alert(f"a{number}", stores.clock(), utterance_id=f"u{number}"))]
        heard = a_transcript(f"u{number}", stores.clock(), text=words)
        await stores.alerts.commit(heard, raised if number % 97 == 0 else [])
        stores.clock.now += 200 * SECOND
        if number % 100 == 99:
            await stores.expire()
    await stores.expire()
    assert await stores.erase()
    found = set(re.findall(rb"word\d{4}", contents(tmp_path)))
    kept = {text.split()[0].encode() for text in await stores.texts()}
    assert found == kept


@only_sqlite
async def test_a_writer_interrupts_the_rebuilding_of_a_large_file_until_it_is_overdue(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await stores.erase(), "the first start rebuilds the file"
    for number in range(300):
        await stores.alerts.commit(a_transcript(f"u{number}", text="word " * 400), [])
    monkeypatch.setattr(compaction, "SMALL_BYTES", 0)
    monkeypatch.setattr(compaction, "_INTERRUPTIBLE_EVERY", 1)
    stores.clock.now += 2 * HOUR

    async def write_all_the_time() -> None:
        while True:
            async with stores.database.write():
                pass

    stores.database.note_removal()
    writing = asyncio.create_task(write_all_the_time())
    try:
        assert not await stores.erase()
        stores.clock.now += DAY
        assert await stores.erase()
    finally:
        writing.cancel()
        await asyncio.wait([writing])
    stores.database.note_removal()
    stores.clock.now += HOUR
    assert await stores.erase(), "nobody writes"


async def test_talk_beside_many_alerts_of_its_room_reads_only_the_alerts_near_it(
    stores: Stores,
) -> None:
    for number in range(300):
        raised = [AlertRaised(an_alert(f"a{number}", stores.clock(), utterance_id=f"u{number}"))]
        await stores.alerts.commit(a_transcript(f"u{number}", stores.clock()), raised)
        stores.clock.now += 1200 * SECOND
    async with stores.database.read() as connection:
        rows = (await connection.execute(select(transcripts).limit(3))).all()
        found = await expiry._read_cases(connection, rows)
    assert len(found) <= 8


def contents(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())
