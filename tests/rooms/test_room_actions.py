"""Moderators' actions in open rooms."""

from __future__ import annotations

from datetime import timedelta

import pytest

from service.rooms.actions import CannotAct, ImpossibleAction, Obstacle, RoomAction
from service.rooms.connector import RoomOver
from service.rooms.room import RoomState
from tests.rooms.calls import until
from tests.rooms.fakes import NOW, a_room
from tests.rooms.supervising import House, supervising

pytestmark = pytest.mark.anyio

LATER = NOW + timedelta(days=1)


async def test_a_room_that_ends_at_its_server_is_ended_and_can_be_opened_again() -> None:
    async with supervising() as house:
        await house.open()
        house.connector.sessions["lobby"].over.set_result(RoomOver("the room was destroyed"))
        await until(lambda: house.state() is RoomState.ENDED)
        assert house.store.rooms["lobby"].reason == "the room was destroyed"
        assert house.audience.rooms == [("left", "lobby", "the room was destroyed")]
        with pytest.raises(CannotAct, match="not listened to"):
            await house.actions.act("lobby", RoomAction.MUTE, "ann", "")
        assert (await house.open())[1]


async def obstacles(house: House, room_id: str) -> list[Obstacle]:
    carriers = await house.actions.carriers(room_id)
    return [one.code for one in carriers.values() if isinstance(one, ImpossibleAction)]


async def test_nothing_is_possible_in_a_room_that_is_lost() -> None:
    async with supervising() as house:
        assert await obstacles(house, "nowhere") == [Obstacle.ROOM_ENDED] * 5
        house.store.rooms["lobby"] = a_room()
        assert await obstacles(house, "lobby") == [Obstacle.ROOM_LOST] * 5


async def test_actions_are_carried_out_in_the_room() -> None:
    async with supervising() as house:
        room, _ = await house.open()
        assert await obstacles(house, room.id) == [Obstacle.NOT_IN_THIS_ROOM] * 4
        done = await house.actions.act("lobby", RoomAction.MUTE, "ann", "")
        assert done == "mute_speaker ann"
        assert await house.supervisor.dismiss("lobby", "ann", "told to")
        assert not await house.supervisor.dismiss("lobby", "bob", "told to")
        assert not await house.supervisor.dismiss("stage", "ann", "told to")
        await house.supervisor.close("lobby")
        assert await obstacles(house, "lobby") == [Obstacle.ROOM_ENDED] * 5


async def test_a_session_knows_the_persons_whom_moderators_muted() -> None:
    async with supervising(a_room(), muted=["bob"]) as house:
        muted = house.connector.sessions["lobby"].muted
        assert ("bob" in muted, "ann" in muted) == (True, False)
        await house.actions.act("lobby", RoomAction.MUTE, "ann", "")
        assert "ann" not in muted, "until it is on record"
        house.actions.set_muted("lobby", "ann", muted=True)
        await house.actions.act("lobby", RoomAction.UNMUTE, "bob", "")
        assert ("bob" in muted, "ann" in muted) == (False, True)
        house.connector.refuses = "wrong secret"
        for action, speaker in ((RoomAction.UNMUTE, "ann"), (RoomAction.MUTE, "bob")):
            with pytest.raises(CannotAct, match="wrong secret"):
                await house.actions.act("lobby", action, speaker, "")
        assert ("bob" in muted, "ann" in muted) == (False, True), "as it was before"
        await muted.lifted("ann")
        assert "ann" not in muted


async def test_earshot_does_its_part_of_a_confirmed_action() -> None:
    async with supervising() as house:
        await house.open()
        await house.actions.apply_confirmed("lobby", RoomAction.REMOVE, "ann", LATER)
        assert house.connector.applied == [(RoomAction.REMOVE, "ann")]
        await house.actions.apply_confirmed("lobby", RoomAction.END, "ann", LATER)
        assert house.state() is RoomState.ENDED
        assert house.store.rooms["lobby"].reason == "ended by a moderator"
        assert house.audience.rooms == [("left", "lobby", "ended by a moderator")]
        for action in (RoomAction.END, RoomAction.MUTE):
            await house.actions.apply_confirmed("lobby", action, "ann", LATER)
        house.actions.set_muted("lobby", "ann", muted=True)


async def test_an_action_of_before_has_no_part_in_a_room_that_was_opened_anew() -> None:
    async with supervising() as house:
        await house.open()
        joined_at = house.store.rooms["lobby"].joined_at
        for action in (RoomAction.REMOVE, RoomAction.END):
            before = joined_at - timedelta(seconds=1)
            await house.actions.apply_confirmed("lobby", action, "ann", before)
        assert house.connector.applied == []
        assert house.state() is not RoomState.ENDED


async def test_a_speaker_id_is_mapped_to_the_person_whom_actions_concern() -> None:
    async with supervising(a_room()) as house:
        assert house.actions.person("lobby", "ann=f2") == "ann"
        assert house.actions.person("nowhere", "ann=f2") == "ann=f2"
