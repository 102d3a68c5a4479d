"""What every way into rooms must do. A new connector belongs into `way` below."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from service.rooms.actions import RoomAction
from service.rooms.connector import RoomOver
from tests.conftest import left_behind
from tests.contracts.ways import InJanus, Way, Whip, staying
from tests.janus import Janus
from tests.rooms.calls import until
from tests.rooms.fakes import Audience
from tests.rooms.janus.stage import speaking

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def janus() -> Iterator[Janus]:
    with Janus() as janus:
        yield janus


@pytest.fixture
def audience() -> Audience:
    return Audience()


@pytest.fixture(params=["whip", pytest.param("janus", marks=pytest.mark.janus)])
async def way(request: pytest.FixtureRequest, audience: Audience) -> AsyncIterator[Way]:
    before = asyncio.all_tasks()
    if request.param == "whip":
        whip = Whip(audience)
        yield whip
        await whip.close()
    else:
        janus: Janus = request.getfixturevalue("janus")
        name = request.node.name[:60]
        janus.make_room(name)
        async with speaking(janus, name) as speakers:
            yield InJanus(audience, janus, speakers, name)
    await until(lambda: not left_behind(before))


async def test_a_room_is_heard_and_says_so(way: Way, audience: Audience) -> None:
    async with staying(way, audience) as stay:
        assert stay.standing == [""]
        assert set(way.connector.actions(way.room)) == set(RoomAction)


async def test_each_speaker_is_announced_and_has_a_stream_of_their_own(
    way: Way, audience: Audience
) -> None:
    async with staying(way, audience) as stay:
        for number, id_ in enumerate(("ann", "bob", "cat"), 1):
            await way.join(id_)
            await stay.hears(*("ann", "bob", "cat")[:number])
        assert [one.name for one in audience.here.values()] == ["Ann", "Bob", "Cat"]
        assert all(one.room_id == "lobby" for one in audience.here.values())


async def test_whoever_leaves_has_left_and_may_come_back_as_the_same(
    way: Way, audience: Audience
) -> None:
    async with staying(way, audience) as stay:
        await way.join("ann")
        await way.join("bob")
        for times in (1, 2):
            await stay.hears("ann", "bob")
            await way.leave("ann")
            await stay.hears("bob")
            assert [id_ for id_, _ in audience.left] == ["ann"] * times
            await way.join("ann")
        await stay.hears("ann", "bob")


async def test_a_muted_speaker_is_not_heard_until_they_are_unmuted(
    way: Way, audience: Audience
) -> None:
    async with staying(way, audience) as stay:
        await way.join("ann")
        await way.join("bob")
        await stay.hears("ann", "bob")
        stay.muted.add("ann")
        assert await stay.session.act(RoomAction.MUTE, "ann", "")
        await until(lambda: audience.here["ann"].muted)
        await stay.silent("ann", beside="bob")
        stay.muted.discard("ann")
        assert await stay.session.act(RoomAction.UNMUTE, "ann", "")
        await until(lambda: not audience.here["ann"].muted)
        await stay.hears("ann", "bob")


async def test_a_mute_stays_a_mute_when_the_speaker_comes_back(
    way: Way, audience: Audience
) -> None:
    async with staying(way, audience) as stay:
        await way.join("bob")
        stay.muted.add("ann")
        assert await stay.session.act(RoomAction.MUTE, "ann", "")
        for _ in range(2):
            await way.join("ann")
            await until(lambda: "ann" in audience.here and audience.here["ann"].muted)
            await stay.silent("ann", beside="bob")
            await way.leave("ann")
            await until(lambda: "ann" not in audience.here)


async def test_a_removed_speaker_has_left(way: Way, audience: Audience) -> None:
    async with staying(way, audience) as stay:
        await way.join("ann")
        await way.join("bob")
        await stay.hears("ann", "bob")
        way.stay_away("ann")
        assert await stay.session.act(RoomAction.REMOVE, "ann", "")
        await stay.hears("bob")
        assert audience.left == [("ann", "removed by a moderator")]


async def test_an_ended_room_ends_the_stay(way: Way, audience: Audience) -> None:
    async with staying(way, audience) as stay:
        await way.join("ann")
        await stay.hears("ann")
        way.stay_away("ann")
        assert await stay.session.act(RoomAction.END, "ann", "")
        await until(lambda: bool(stay.over))
        assert isinstance(stay.over[0], RoomOver)
        assert str(stay.over[0])


async def test_somebody_is_told_when_a_speaker_is_warned(way: Way, audience: Audience) -> None:
    async with staying(way, audience) as stay:
        assert (
            await stay.session.act(RoomAction.WARN, "ann", "please") == "the room server was told"
        )


async def test_when_a_stay_ends_nothing_is_left_and_nobody_has_left(
    way: Way, audience: Audience
) -> None:
    """Who is there stays there on record: whoever keeps the room says what becomes of them."""
    async with staying(way, audience) as stay:
        await way.join("ann")
        await stay.hears("ann")
        way.stay_away("ann")
    assert way.peers() == 0
    assert audience.left == []
    assert list(audience.here) == ["ann"]


async def test_a_second_stay_hears_whoever_is_there(way: Way, audience: Audience) -> None:
    async with staying(way, audience) as stay:
        await way.join("ann")
        await stay.hears("ann")
    audience.room_lost("lobby")
    async with staying(way, audience) as stay:
        if isinstance(way, Whip):  # there speakers come to us, and have to come again
            await way.calls.pop("ann")[0].close()
            await way.join("ann")
        await stay.hears("ann")
