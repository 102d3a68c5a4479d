"""Actions in a WHIP room."""

from __future__ import annotations

import asyncio

import pytest

from service.errors import Problem
from service.rooms.actions import CannotAct, RoomAction
from tests.rooms.calls import until
from tests.rooms.fakes import a_speaker
from tests.rooms.house import House, connecting, talking

pytestmark = pytest.mark.anyio


def muted(house: House) -> list[str]:
    return [speaker.id for speaker in house.audience.here.values() if speaker.muted]


async def test_a_dismissed_speaker_may_come_again() -> None:
    async with connecting() as house:
        lobby = house.connector.room("lobby")
        await house.publish(a_speaker())
        assert not await lobby.dismiss("bob", "told to")
        assert await lobby.dismiss("ann", "told to")
        assert (house.audience.here, house.connector.peers()) == ({}, 0)
        await house.publish(a_speaker())
        assert list(house.audience.here) == ["ann"]


async def test_a_speaker_who_is_removed_while_their_offer_is_answered_is_not_heard() -> None:
    async with connecting() as house:
        lobby = house.connector.room("lobby")
        publishing = asyncio.create_task(house.publish(a_speaker()))
        await asyncio.sleep(0)
        await lobby.apply_confirmed(RoomAction.REMOVE, "ann")
        with pytest.raises(Problem) as problem:
            await publishing
        assert problem.value.status == 403
        assert (house.audience.here, house.connector.peers()) == ({}, 0)
        await house.publish(a_speaker())
        assert list(house.audience.here) == ["ann"]


async def test_a_muted_speaker_is_not_heard_until_they_are_unmuted() -> None:
    async with connecting() as house, talking(house) as session:
        await until(lambda: house.audience.packets > 3)
        lobby = house.connector.room("lobby")
        house.muted.add("ann")
        await lobby.apply_confirmed(RoomAction.MUTE, "ann")
        assert muted(house) == ["ann"]
        before, last_s = house.audience.packets, session.heard_s
        await until(lambda: session.heard_s > last_s + 0.05)
        assert house.audience.packets == before
        house.muted.discard("ann")
        await lobby.apply_confirmed(RoomAction.UNMUTE, "ann")
        assert muted(house) == []
        await until(lambda: house.audience.packets > before)


async def test_a_muted_speaker_who_comes_back_is_not_heard() -> None:
    async with connecting() as house:
        house.muted.add("ann")
        async with talking(house) as session:
            last_s = session.heard_s
            await until(lambda: session.heard_s > last_s + 0.05)
            assert muted(house) == ["ann"]
            assert house.audience.packets == 0


async def test_a_removed_speaker_is_disconnected_and_their_tokens_are_revoked() -> None:
    async with connecting() as house:
        await house.publish(a_speaker())
        lobby = house.connector.room("lobby")
        await lobby.apply_confirmed(RoomAction.REMOVE, "ann")
        assert house.audience.left == [("ann", "removed by a moderator")]
        assert house.tokens.revoked == [("lobby", "ann")]
        await lobby.apply_confirmed(RoomAction.REMOVE, "ann")
        assert house.audience.left == [("ann", "removed by a moderator")]


async def test_only_the_room_server_acts_in_the_room() -> None:
    async with connecting() as house:
        lobby = house.connector.room("lobby")
        with pytest.raises(CannotAct, match="room server acts"):
            await lobby.act(RoomAction.MUTE, "ann", "")
        await lobby.apply_confirmed(RoomAction.WARN, "ann")
