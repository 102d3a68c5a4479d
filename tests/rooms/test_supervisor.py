from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from service.errors import Problem
from service.rooms.connector import RoomOver
from service.rooms.room import RoomState
from service.rooms.room_change import RoomChange
from tests.rooms.calls import until
from tests.rooms.fakes import NOW, Away, a_room
from tests.rooms.supervising import supervising

pytestmark = pytest.mark.anyio


async def test_a_room_is_put_on_record_and_joined() -> None:
    async with supervising() as house:
        room, new = await house.open()
        assert new
        assert house.store.rooms == {"lobby": room}
        assert (room.state, room.joined_at) == (RoomState.LISTENING, NOW)
        assert room.notice.startswith("Software listens to this room")
        assert room.notice.endswith("https://rooms.example/rules")
        assert house.connector.joined == ["lobby"]
        assert b'earshot_rooms{state="listening"} 1.0' in house.metrics.render()


async def test_the_same_call_again_changes_nothing() -> None:
    async with supervising() as house:
        first, _ = await house.open(secrets={"pin": "1234"})
        assert await house.open(secrets={"pin": "1234"}) == (first, False)
        assert house.connector.joined == ["lobby"]


async def test_many_calls_at_once_open_one_room() -> None:
    async with supervising() as house:
        made = await asyncio.gather(*(house.open() for _ in range(5)))
        assert sorted(new for _, new in made) == [False] * 4 + [True]
        assert house.connector.joined == ["lobby"]


@pytest.mark.parametrize("other", [{"title": "Another"}, {"secrets": {"pin": "9999"}}])
async def test_a_room_with_another_description_is_409(other: dict[str, str]) -> None:
    async with supervising() as house:
        await house.open(secrets={"pin": "1234"})
        with pytest.raises(Problem) as problem:
            await house.open(**{"secrets": {"pin": "1234"}, **other})  # type: ignore[arg-type]
        assert problem.value.status == 409
        assert "9999" not in str(problem.value)


async def test_an_unknown_kind_of_connector_is_422_and_names_those_known() -> None:
    async with supervising() as house:
        with pytest.raises(Problem, match="known: whip") as problem:
            await house.open(kind="telepathy")
        assert problem.value.status == 422
        assert house.store.rooms == {}


async def test_closing_leaves_the_room_before_it_is_ended() -> None:
    async with supervising() as house:
        await house.open()
        house.store.away = True
        with pytest.raises(Away):
            await house.supervisor.close("lobby")
        assert house.audience.rooms == [("left", "lobby", "the room was closed")]
        house.store.away = False
        await house.supervisor.close("lobby")
        assert house.connector.joined == []
        assert house.state() is RoomState.ENDED


async def test_a_room_whose_end_cannot_be_put_on_record_is_heard_on_and_can_be_closed_again() -> (
    None
):
    async with supervising() as house:
        await house.open()
        house.store.away = True
        with pytest.raises(Away):
            await house.supervisor.close("lobby")
        await asyncio.sleep(0)
        assert house.connector.joined == ["lobby"]
        house.store.away = False
        assert (await house.open())[1] is False
        await house.supervisor.close("lobby")
        assert house.connector.joined == []
        assert house.state() is RoomState.ENDED


async def test_a_closed_room_can_be_opened_again_with_another_description() -> None:
    async with supervising() as house:
        await house.open(secrets={"pin": "1234"})
        await house.supervisor.close("lobby")
        _, new = await house.open(title="Another")
        assert new
        assert house.connector.joined == ["lobby"]


async def test_closing_a_room_that_is_not_open_is_404() -> None:
    async with supervising(a_room("gone", state=RoomState.ENDED)) as house:
        for room_id in ("gone", "never"):
            with pytest.raises(Problem) as problem:
                await house.supervisor.close(room_id)
            assert problem.value.status == 404


async def test_a_room_that_is_slow_to_close_delays_no_other() -> None:
    async with supervising() as house:
        await house.open()
        house.connector.slow = "lobby"
        closing = asyncio.create_task(house.supervisor.close("lobby"))
        await asyncio.sleep(0)
        async with asyncio.timeout(30):
            await house.open("stage")
            await house.supervisor.close("stage")
        reopening = asyncio.create_task(house.open())
        await asyncio.sleep(0)
        assert not reopening.done()
        house.connector.slow = ""
        await closing
        assert (await reopening)[1]
        assert house.state() is RoomState.LISTENING


async def test_resuming_joins_every_room_that_had_not_ended() -> None:
    rooms = (a_room("one"), a_room("two"), a_room("gone", state=RoomState.ENDED))
    async with supervising(*rooms) as house:
        assert house.connector.joined == ["one", "two"]


async def test_a_room_whose_connector_is_gone_is_lost_and_stops_no_other() -> None:
    async with supervising(a_room("old", kind="telepathy"), a_room("lobby")) as house:
        assert house.connector.joined == ["lobby"]
        assert house.state("old") is RoomState.LOST
        await house.supervisor.close("old")
        assert house.state("old") is RoomState.ENDED


async def test_a_rooms_secrets_are_sealed_on_record_and_handed_to_its_connector() -> None:
    async with supervising() as house:
        await house.open(secrets={"pin": "1234"})
        assert "1234" not in house.store.secrets["lobby"]
        store = house.store
    async with supervising(store=store) as house:
        assert house.connector.secrets["lobby"] == {"pin": "1234"}
    async with supervising(store=store, key=bytes(31) + b"k") as house:
        assert house.connector.joined == []
        assert house.state() is RoomState.LOST
        assert "another key" in house.store.rooms["lobby"].reason


async def test_an_end_that_waits_for_the_rooms_turn_spares_the_room_opened_meanwhile() -> None:
    async with supervising() as house:
        await house.open()
        joined_at = house.store.rooms["lobby"].joined_at
        with pytest.raises(Problem, match="has ended already"):
            await house.supervisor.close("lobby", requested_at=joined_at - timedelta(seconds=1))
        assert house.state() is not RoomState.ENDED


async def test_a_room_on_record_without_a_keeper_gets_one_when_it_is_requested() -> None:
    async with supervising() as house:
        house.store.rooms["lobby"] = a_room()
        assert (await house.open())[1] is False
        assert house.connector.joined == ["lobby"]


async def test_a_request_for_a_room_that_is_ending_opens_it_again() -> None:
    async with supervising() as house:
        await house.open()
        house.audience.leaving.clear()
        house.connector.sessions["lobby"].over.set_result(RoomOver("the room was destroyed"))
        await until(lambda: house.supervisor.open_rooms.ending("lobby"))
        opening = asyncio.create_task(house.open(title="Another"))
        await asyncio.sleep(0.02)
        assert not opening.done()
        house.audience.leaving.set()
        assert (await opening)[1]
        assert house.connector.joined == ["lobby"]
        assert house.state() is RoomState.LISTENING


async def test_failing_work_stops_no_room_and_no_work_begins_after_the_stop() -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    async with supervising(a_room()) as house:
        await house.supervisor.open_rooms.spawn(fail, "work")
        assert house.connector.joined == ["lobby"]
    with pytest.raises(Problem, match="stopping"):
        house.supervisor.open_rooms.spawn(fail, "work")


async def test_stopping_leaves_rooms_open_on_record() -> None:
    async with supervising() as house:
        await house.open()
    assert house.connector.joined == []
    assert house.state() is RoomState.LISTENING
    assert house.audience.rooms == []


async def test_a_change_is_on_record_and_reaches_session_and_speakers() -> None:
    async with supervising() as house:
        await house.open()
        session = house.connector.sessions["lobby"]
        before, after = await house.supervisor.change("lobby", RoomChange(title="Late", tags=["a"]))
        assert (before.title, after.title, after.tags) == ("Lobby", "Late", ["a"])
        assert house.store.rooms["lobby"] == session.room == after
        assert house.audience.rooms == [("changed", "lobby")]
        assert house.supervisor.open_rooms.rooms() == [after]


async def test_a_pause_is_the_rooms_state_until_listening_goes_on() -> None:
    async with supervising() as house:
        await house.open()
        _, paused = await house.supervisor.change("lobby", RoomChange(listening=False))
        assert (paused.state, paused.paused_at) == (RoomState.PAUSED, NOW)
        assert paused.notice.startswith("Software does not listen")
        await asyncio.sleep(0)
        assert house.state() is RoomState.PAUSED
        _, resumed = await house.supervisor.change("lobby", RoomChange(listening=True))
        assert (resumed.state, resumed.paused_at) == (RoomState.LISTENING, None)
        assert resumed.notice.startswith("Software listens")


async def test_a_paused_room_is_paused_after_a_restart() -> None:
    paused = replace(a_room(), state=RoomState.PAUSED, listening=False, paused_at=NOW)
    async with supervising(paused) as house:
        await until(lambda: house.connector.joined == ["lobby"])
        await asyncio.sleep(0)
        assert house.state() is RoomState.PAUSED


async def test_both_descriptions_of_a_changed_room_are_the_same_room() -> None:
    async with supervising() as house:
        await house.open()
        await house.supervisor.change("lobby", RoomChange(title="Late"))
        for title in ("Lobby", "Late"):
            room, new = await house.open(title=title)
            assert (room.title, new) == ("Late", False)
        with pytest.raises(Problem, match="Room differs"):
            await house.open(title="Neither")


async def test_a_room_that_has_ended_is_not_changed() -> None:
    async with supervising() as house:
        await house.open()
        await house.supervisor.close("lobby")
        with pytest.raises(Problem, match="Room ended"):
            await house.supervisor.change("lobby", RoomChange(title="Late"))


async def test_the_room_servers_mute_ends_when_the_speaker_leaves() -> None:
    async with supervising(muted=["bob"]) as house:
        await house.open()
        assert await house.supervisor.record_mute("lobby", "ann", muted=True)
        await house.connector.sessions["lobby"].muted.muted_by_room("ann")
        assert house.mutes.ids == {"ann", "bob"}
        assert await house.supervisor.record_departure("lobby", "ann")
        assert not await house.supervisor.record_departure("lobby", "bob"), "a moderator muted them"
        assert house.mutes.ids == {"bob"}
        assert not await house.supervisor.record_mute("nowhere", "ann", muted=True)
