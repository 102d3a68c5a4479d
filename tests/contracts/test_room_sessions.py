"""Contract of every connector. Add a new one to the fixture `hosted`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from service.rooms.actions import Carrier, RoomAction
from tests.conftest import left_behind
from tests.contracts.hosted_rooms import HostedRoom, JanusRoom, WhipRoom, running_session
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
async def hosted(request: pytest.FixtureRequest, audience: Audience) -> AsyncIterator[HostedRoom]:
    before = asyncio.all_tasks()
    if request.param == "whip":
        whip = WhipRoom(audience)
        yield whip
        await whip.close()
    else:
        janus: Janus = request.getfixturevalue("janus")
        name = request.node.name[:60]
        janus.make_room(name)
        async with speaking(janus, name) as speakers:
            yield JanusRoom(audience, janus, speakers, name)
    await until(lambda: not left_behind(before))


async def test_a_session_reports_that_the_room_is_heard(
    hosted: HostedRoom, audience: Audience
) -> None:
    async with running_session(hosted, audience) as running:
        assert running.states == [""]
        for action in RoomAction:
            assert isinstance(await hosted.connector.carrier(hosted.room, action), Carrier)


async def test_each_speaker_is_announced_and_has_a_stream_of_their_own(
    hosted: HostedRoom, audience: Audience
) -> None:
    async with running_session(hosted, audience) as running:
        for number, id_ in enumerate(("ann", "bob", "cat"), 1):
            await hosted.join(id_)
            await running.expect_speakers(*("ann", "bob", "cat")[:number])
        assert [one.name for one in audience.here.values()] == ["Ann", "Bob", "Cat"]
        assert all(one.room_id == "lobby" for one in audience.here.values())


async def test_a_speaker_who_left_may_come_back_under_the_same_id(
    hosted: HostedRoom, audience: Audience
) -> None:
    async with running_session(hosted, audience) as running:
        await hosted.join("ann")
        await hosted.join("bob")
        for times in (1, 2):
            await running.expect_speakers("ann", "bob")
            await hosted.leave("ann")
            await running.expect_speakers("bob")
            assert [id_ for id_, _ in audience.left] == ["ann"] * times
            await hosted.join("ann")
        await running.expect_speakers("ann", "bob")


async def test_a_muted_speaker_is_not_heard_until_they_are_unmuted(
    hosted: HostedRoom, audience: Audience
) -> None:
    async with running_session(hosted, audience) as running:
        await hosted.join("ann")
        await hosted.join("bob")
        await running.expect_speakers("ann", "bob")
        running.muted.add("ann")
        await hosted.carry_out(running.session, RoomAction.MUTE, "ann")
        await until(lambda: audience.here["ann"].muted)
        await running.expect_silence("ann", beside="bob")
        running.muted.discard("ann")
        await hosted.carry_out(running.session, RoomAction.UNMUTE, "ann")
        await until(lambda: not audience.here["ann"].muted)
        await running.expect_speakers("ann", "bob")


async def test_a_mute_stays_a_mute_when_the_speaker_comes_back(
    hosted: HostedRoom, audience: Audience
) -> None:
    async with running_session(hosted, audience) as running:
        await hosted.join("bob")
        running.muted.add("ann")
        await hosted.carry_out(running.session, RoomAction.MUTE, "ann")
        for _ in range(2):
            await hosted.join("ann")
            await until(lambda: "ann" in audience.here and audience.here["ann"].muted)
            await running.expect_silence("ann", beside="bob")
            await hosted.leave("ann")
            await until(lambda: "ann" not in audience.here)


async def test_a_removed_speaker_has_left(hosted: HostedRoom, audience: Audience) -> None:
    async with running_session(hosted, audience) as running:
        await hosted.join("ann")
        await hosted.join("bob")
        await running.expect_speakers("ann", "bob")
        hosted.stay_away("ann")
        await hosted.carry_out(running.session, RoomAction.REMOVE, "ann")
        await running.expect_speakers("bob")
        assert audience.left == [("ann", "removed by a moderator")]


async def test_a_session_that_ends_leaves_no_peer_and_reports_no_speaker_as_left(
    hosted: HostedRoom, audience: Audience
) -> None:
    """Speakers stay on record when the session ends: the supervisor decides about them."""
    async with running_session(hosted, audience) as running:
        await hosted.join("ann")
        await running.expect_speakers("ann")
        hosted.stay_away("ann")
    assert hosted.peers() == 0
    assert audience.left == []
    assert list(audience.here) == ["ann"]


async def test_a_second_session_hears_the_speakers_who_are_still_there(
    hosted: HostedRoom, audience: Audience
) -> None:
    async with running_session(hosted, audience) as running:
        await hosted.join("ann")
        await running.expect_speakers("ann")
    audience.room_lost("lobby")
    async with running_session(hosted, audience) as running:
        if isinstance(hosted, WhipRoom):  # with WHIP speakers connect to us, and must connect again
            await hosted.calls.pop("ann")[0].close()
            await hosted.join("ann")
        await running.expect_speakers("ann")
