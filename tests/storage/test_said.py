from __future__ import annotations

from dataclasses import replace

import pytest

from policies.stored import Stored
from service.storage import said
from service.storage.alerts import SqlAlerts
from service.storage.engine import Database
from service.storage.rooms import SqlRooms
from service.storage.said import SqlSaid
from tests.storage.examples import NOW, SECOND, SetClock, a_room, a_speaker, a_transcript

pytestmark = pytest.mark.anyio


async def say(database: Database, *ids: str, room: str = "lobby") -> None:
    """Store one utterance a second."""
    alerts = SqlAlerts(database, SetClock())
    for number, id_ in enumerate(ids):
        heard = a_transcript(id_, NOW + number * SECOND, text=f"words of {id_}", room_id=room)
        await alerts.commit(heard, [])


async def test_what_was_said_comes_with_role_and_the_packs_of_its_room(database: Database) -> None:
    rooms = SqlRooms(database, SetClock())
    await rooms.add(a_room())
    await rooms.speaker_joined(a_speaker(), NOW)
    await say(database, "u1")
    (found,) = await SqlSaid(database).newest(None, None, None, 10)
    assert found == Stored(
        room_id="lobby",
        speaker_id="ann",
        language="en",
        text="words of u1",
        at_s=NOW.timestamp(),
        seconds=2.0,
        role="host",
        id="u1",
        packs=frozenset({"scams"}),
    )


async def test_of_a_room_that_is_gone_the_words_are_still_there(database: Database) -> None:
    await say(database, "u1")
    (found,) = await SqlSaid(database).newest(None, None, None, 10)
    assert (found.role, found.packs) == ("", None)


async def test_the_newest_come_in_the_order_in_which_they_were_said(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(said, "BATCH", 2)
    await say(database, "u1", "u2", "u3", "u4", "u5")
    store = SqlSaid(database)
    assert [each.id for each in await store.newest(None, None, None, 3)] == ["u3", "u4", "u5"]
    assert len(await store.newest(None, None, None, 9)) == 5
    assert await store.count(None, None, None) == 5


async def test_times_rooms_and_silence_narrow_it(database: Database) -> None:
    await say(database, "u1", "u2", "u3")
    await say(database, "elsewhere", room="other")
    silent = replace(a_transcript("silent"), text="")
    await SqlAlerts(database, SetClock()).commit(silent, [])
    store = SqlSaid(database)
    wanted = (NOW + SECOND, NOW + 2 * SECOND, "lobby")
    assert [each.id for each in await store.newest(*wanted, 9)] == ["u2"]
    assert await store.count(*wanted) == 1
    assert await store.count(None, None, "other") == 1
    assert await store.newest(None, None, "nowhere", 9) == []
