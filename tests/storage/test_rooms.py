from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from service.errors import Problem
from service.rooms.ports import RoomStore, TokenStore
from service.rooms.room import Room, RoomState, Speaker
from service.rooms.room_change import description_of
from service.storage.engine import Database
from service.storage.event_log import SqlEventLog
from service.storage.hearing import SqlHearing
from service.storage.rooms import SqlRooms, SqlTokens
from tests.storage.examples import NOW, SECOND, SetClock, a_room, a_speaker

pytestmark = pytest.mark.anyio


@pytest.fixture
def rooms(database: Database) -> RoomStore:
    return SqlRooms(database, SetClock())


async def types(database: Database) -> list[str]:
    return [event.type for event in await SqlEventLog(database).read(0, 100)]


async def test_a_room_comes_back_as_it_was_stored(rooms: RoomStore, database: Database) -> None:
    await rooms.add(a_room())
    assert await rooms.get("lobby") == a_room()
    assert await rooms.get("other") is None
    assert await types(database) == ["room.joined"]


async def test_an_open_room_is_not_opened_twice_but_an_ended_one_is(rooms: RoomStore) -> None:
    await rooms.add(a_room())
    with pytest.raises(Problem, match="room 'lobby' is open"):
        await rooms.add(a_room())
    await rooms.set_state("lobby", RoomState.ENDED, "deleted")
    again = replace(a_room(joined_at=NOW + SECOND), title="Second evening")
    await rooms.add(again)
    assert await rooms.get("lobby") == again


async def test_each_change_of_state_is_an_event_and_no_change_is_none(
    rooms: RoomStore, database: Database
) -> None:
    await rooms.add(a_room())
    room = await rooms.set_state("lobby", RoomState.LISTENING, "")
    assert (await rooms.set_state("lobby", RoomState.LISTENING, "")) == room
    assert [found.id for found in await rooms.listening()] == ["lobby"]
    ended = await rooms.set_state("lobby", RoomState.ENDED, "deleted")
    assert (ended.state, ended.reason) == (RoomState.ENDED, "deleted")
    assert await rooms.listening() == []
    assert await types(database) == ["room.joined", "room.state", "room.left"]


async def test_the_state_of_an_unknown_room_is_a_404(rooms: RoomStore) -> None:
    with pytest.raises(Problem) as caught:
        await rooms.set_state("nowhere", RoomState.LOST, "")
    assert caught.value.status == 404


async def test_pages_hold_every_room_once_newest_first_even_at_equal_times(
    rooms: RoomStore,
) -> None:
    for number in range(7):
        await rooms.add(a_room(f"r{number}", NOW + (number // 3) * SECOND))
    found: list[Room] = []
    cursor = None
    for _ in range(4):
        page, cursor = await rooms.page(limit=2, cursor=cursor)
        found += page
    assert cursor is None
    assert [room.id for room in found] == ["r6", "r5", "r4", "r3", "r2", "r1", "r0"]
    assert (await rooms.page(limit=7, cursor=None))[1] is None


async def test_rooms_are_listed_by_state(rooms: RoomStore) -> None:
    states = [RoomState.LISTENING, RoomState.LOST, RoomState.ENDED]
    for number, state in enumerate(states):
        await rooms.add(a_room(f"r{number}", NOW + number * SECOND))
        await rooms.set_state(f"r{number}", state, "")
    page, _ = await rooms.page([RoomState.LISTENING, RoomState.LOST], limit=9)
    assert [room.id for room in page] == ["r1", "r0"]
    page, _ = await rooms.page([RoomState.JOINING], limit=9)
    assert page == []


@pytest.mark.parametrize(
    "cursor",
    ["x", "é", "", "====", "MTIz", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5IGE", "MSBhAA", "c2V2ZXJpdHkgMQ"],
)
async def test_a_made_up_cursor_is_a_400(rooms: RoomStore, cursor: str) -> None:
    with pytest.raises(Problem) as caught:
        await rooms.page(limit=2, cursor=cursor)
    assert caught.value.status == 400


async def test_speakers_join_and_leave_once(rooms: RoomStore, database: Database) -> None:
    await rooms.add(a_room())
    ann, bob = a_speaker("ann"), a_speaker("bob")
    await rooms.speaker_joined(bob, NOW)
    await rooms.speaker_joined(ann, NOW + SECOND)
    await rooms.speaker_joined(ann, NOW + 2 * SECOND)
    assert await rooms.speakers("lobby") == [bob, ann]
    await rooms.speaker_left(bob, "hung up", NOW + 3 * SECOND)
    await rooms.speaker_left(bob, "hung up", NOW + 4 * SECOND)
    assert await rooms.speakers("lobby", live_only=True) == [ann]
    assert await types(database) == [
        "room.joined",
        "speaker.joined",
        "speaker.joined",
        "speaker.left",
    ]


async def test_a_speaker_who_comes_back_is_heard_from_then_on(
    rooms: RoomStore, database: Database
) -> None:
    hearing = SqlHearing(database)
    await rooms.add(a_room())
    await rooms.speaker_joined(a_speaker(), NOW)
    await rooms.speaker_left(a_speaker(), "", NOW + SECOND)
    await rooms.speaker_joined(a_speaker(), NOW + 60 * SECOND)
    assert [mark.at for mark in await hearing.interrupted()] == [NOW + 60 * SECOND]


async def test_a_speaker_who_joins_while_live_under_a_new_name_keeps_the_unheard_time(
    rooms: RoomStore, database: Database
) -> None:
    await rooms.add(a_room())
    await rooms.speaker_joined(a_speaker(), NOW)
    await rooms.speaker_joined(replace(a_speaker(), name="Anna"), NOW + 9 * SECOND)
    assert [mark.at for mark in await SqlHearing(database).interrupted()] == [NOW]
    assert [speaker.name for speaker in await rooms.speakers("lobby")] == ["Anna"]


async def test_a_token_admits_its_speaker_until_it_expires(
    rooms: RoomStore, database: Database
) -> None:
    tokens: TokenStore = SqlTokens(database)
    speaker = Speaker("lobby", "ann", "Ann", "host")
    await rooms.add(a_room())
    await tokens.add_token("digest", speaker, NOW + timedelta(hours=1))
    assert await tokens.find_token("digest", NOW) == speaker
    assert await tokens.find_token("digest", NOW + timedelta(hours=1)) is None
    assert await tokens.find_token("other", NOW) is None


async def test_the_tokens_of_a_room_that_ends_admit_nobody(
    rooms: RoomStore, database: Database
) -> None:
    tokens: TokenStore = SqlTokens(database)
    later = NOW + timedelta(hours=1)
    for room_id in ("lobby", "stage"):
        await rooms.add(a_room(room_id))
        await tokens.add_token(room_id, a_speaker(room_id=room_id), later)
    await rooms.set_state("lobby", RoomState.LOST, "no packets")
    assert await tokens.find_token("lobby", NOW)
    await rooms.set_state("lobby", RoomState.ENDED, "closed")
    assert await tokens.find_token("lobby", NOW) is None
    assert await tokens.find_token("stage", NOW)
    with pytest.raises(Problem, match="room 'lobby' has ended; open it again first") as caught:
        await tokens.add_token("another", a_speaker(), later)
    assert caught.value.status == 409
    await rooms.add(a_room())
    assert await tokens.find_token("lobby", NOW) is None


async def test_a_token_for_an_unknown_room_is_a_404(database: Database) -> None:
    with pytest.raises(Problem) as caught:
        await SqlTokens(database).add_token("digest", a_speaker(), NOW)
    assert caught.value.status == 404


async def test_a_change_is_stored_with_its_event_and_no_change_is_none(
    rooms: RoomStore, database: Database
) -> None:
    await rooms.add(a_room())
    opened = await rooms.opened_with("lobby")
    assert opened == description_of(a_room())
    for _ in range(2):
        _, after = await rooms.change("lobby", lambda room: replace(room, tags=["eu"]))
    assert list(after.tags) == ["eu"]
    assert await types(database) == ["room.joined", "room.state"]
    assert await rooms.opened_with("lobby") == opened
    with pytest.raises(Problem, match="No such room"):
        await rooms.change("nowhere", lambda room: room)


async def test_a_paused_room_that_is_heard_is_paused_and_members_are_told_anew(
    database: Database,
) -> None:
    rooms = SqlRooms(database, SetClock())
    await rooms.add(replace(a_room(), notice="listens"))
    await rooms.set_noticed("lobby", "another notice", NOW)
    assert not await rooms.noticed("lobby"), "the room has another notice by now"
    await rooms.set_noticed("lobby", "listens", NOW)
    assert await rooms.noticed("lobby")
    _, paused = await rooms.change(
        "lobby", lambda room: replace(room, listening=False, paused_at=NOW)
    )
    assert not await rooms.noticed("lobby")
    for state in (RoomState.LISTENING, RoomState.DEGRADED):
        assert (await rooms.set_state("lobby", state, "")).state is RoomState.PAUSED
    assert (await rooms.set_state("lobby", RoomState.LOST, "gone")).state is RoomState.LOST
    found = await rooms.get("lobby")
    assert found is not None
    assert (found.listening, found.paused_at) == (False, NOW)
    assert paused.id == "lobby"


async def test_a_mute_and_an_unmute_are_events_of_their_own(
    rooms: RoomStore, database: Database
) -> None:
    await rooms.add(a_room())
    for muted in (False, True, True, False):
        await rooms.speaker_joined(replace(a_speaker(), muted=muted), NOW)
    await rooms.speaker_joined(replace(a_speaker(), name="Other", muted=True), NOW)
    assert await types(database) == [
        "room.joined",
        "speaker.joined",
        "speaker.muted",
        "speaker.unmuted",
        "speaker.muted",
        "speaker.joined",
    ]


async def test_a_room_of_an_earlier_version_keeps_the_description_of_its_first_change(
    database: Database,
) -> None:
    rooms = SqlRooms(database, SetClock())
    await rooms.add(a_room())
    async with database.write() as connection:
        await connection.exec_driver_sql("UPDATE rooms SET opened_with = NULL")
    assert await rooms.opened_with("lobby") is None
    for title in ("Late", "Later"):
        await rooms.change("lobby", lambda room, title=title: replace(room, title=title))  # type: ignore[misc]
    assert await rooms.opened_with("lobby") == description_of(a_room())
