"""WHIP rooms: publishers who come and go."""

from __future__ import annotations

import asyncio

import pytest
from aiortc import RTCSessionDescription

from service.errors import Problem
from service.rooms.actions import Carrier, ImpossibleAction, Obstacle, RoomAction
from service.rooms.peer.intake import Unfit
from service.rooms.whip_session import WhipSession
from tests.rooms.calls import offered, publisher, until
from tests.rooms.fakes import Away, a_room, a_speaker
from tests.rooms.house import OFFER, House, connecting, talking

pytestmark = pytest.mark.anyio


async def refused(house: House, offer: str = OFFER, **speaker: str) -> Problem:
    with pytest.raises(Problem) as problem:
        await house.publish(a_speaker(**speaker), offer)
    return problem.value


async def test_a_room_is_heard_as_soon_as_it_is_open() -> None:
    async with connecting() as house:
        assert house.reports == [""]
        for action in RoomAction:
            impossible = await house.connector.carrier(a_room(), action)
            assert isinstance(impossible, ImpossibleAction)
            assert impossible.code is Obstacle.NO_WEBHOOK
        house.routed = True
        assert {await house.connector.carrier(a_room(), one) for one in RoomAction} == {
            Carrier.WEBHOOK
        }


async def test_a_speaker_is_announced_and_answered() -> None:
    async with connecting() as house:
        session = await house.publish(a_speaker())
        assert list(house.audience.here) == ["ann"]
        assert house.connector.peers() == 1
        assert house.connector.room("lobby").session(session.id) is session
        assert session.etag == f'"{session.peer.ufrag}"'
        assert "m=audio" in session.peer.sdp


async def test_a_session_without_a_packet_for_long_gives_way_to_a_new_one() -> None:
    async with connecting() as house:
        gone = await house.publish(a_speaker())
        assert (await refused(house)).status == 409
        gone.heard_s -= 5.0
        session = await house.publish(a_speaker())
        assert session.id != gone.id
        assert house.audience.left == [("ann", "replaced by a new connection")]
        assert (list(house.audience.here), house.connector.peers()) == (["ann"], 1)


async def test_a_room_that_is_not_listened_to_is_404() -> None:
    async with connecting() as house:
        assert (await refused(house, room_id="nowhere")).status == 404
        assert house.audience.waiting == []


async def test_a_speaker_publishes_once_until_they_have_left() -> None:
    async with connecting() as house:
        session = await house.publish(a_speaker())
        again = await refused(house)
        assert (again.status, again.title) == (409, "Already publishing")
        assert "DELETE" in again.detail
        await house.publish(a_speaker("bob"))
        await house.connector.room("lobby").end_session(session)
        assert house.audience.left == [("ann", "the speaker left")]
        await house.publish(a_speaker())
        assert house.connector.peers() == 2


async def test_two_offers_of_a_speaker_at_once_make_one_session() -> None:
    async with connecting() as house:
        made = await asyncio.gather(
            *(house.publish(a_speaker()) for _ in range(3)), return_exceptions=True
        )
        assert sum(isinstance(one, WhipSession) for one in made) == 1
        assert house.connector.peers() == 1
        assert list(house.audience.here) == ["ann"]


async def test_a_speaker_whose_last_words_are_not_settled_is_answered_with_409() -> None:
    async with connecting() as house:
        session = await house.publish(a_speaker())
        house.audience.leaving.clear()
        leaving = asyncio.create_task(house.connector.room("lobby").end_session(session))
        await until(lambda: house.audience.waiting == ["ann", "ann"])
        assert (await refused(house)).status == 409
        house.audience.leaving.set()
        await leaving
        await house.publish(a_speaker())


async def test_a_bad_offer_is_400_and_leaves_nothing() -> None:
    async with connecting() as house:
        assert (await refused(house, "rubbish")).status == 400
        assert house.connector.peers() == 0
        assert house.audience.waiting == []
        await house.publish(a_speaker())


async def test_a_speaker_who_cannot_be_put_on_record_leaves_nothing() -> None:
    async with connecting() as house:
        house.audience.broken = Away()
        with pytest.raises(Away):
            await house.publish(a_speaker())
        assert house.connector.peers() == 0
        house.audience.broken = None
        await house.publish(a_speaker())


async def test_leaving_a_room_closes_its_peers_and_no_others() -> None:
    async with connecting("lobby", "stage") as house:
        for name in ("ann", "bob"):
            await house.publish(a_speaker(name))
        other = await house.publish(a_speaker("cat", "stage"))
        await house.leave("lobby")
        assert house.audience.left == [], "the keeper reports it"
        assert house.connector.peers() == 1
        assert house.connector.room("stage").session(other.id) is other
        assert (await refused(house)).status == 404


async def test_a_room_that_closes_while_an_offer_is_answered_keeps_no_peer() -> None:
    async with connecting() as house:
        publishing = asyncio.create_task(house.publish(a_speaker()))
        await asyncio.sleep(0)
        await house.leave("lobby")
        with pytest.raises(Problem) as problem:
            await publishing
        assert problem.value.status == 404
        assert house.audience.here == {}


async def test_a_speaker_who_joins_while_the_room_closes_leaves_again() -> None:
    async with connecting() as house:
        house.audience.joining.clear()
        publishing = asyncio.create_task(house.publish(a_speaker()))
        await until(lambda: bool(house.audience.waiting))
        await house.leave("lobby")
        house.audience.joining.set()
        with pytest.raises(Problem) as problem:
            await publishing
        assert problem.value.status == 404
        assert (house.audience.here, house.audience.left) == ({}, [("ann", "the room was closed")])


async def test_a_session_belongs_to_its_room() -> None:
    async with connecting("lobby", "stage") as house:
        session = await house.publish(a_speaker())
        for room, id_ in (("stage", session.id), ("lobby", "other")):
            with pytest.raises(Problem) as problem:
                house.connector.room(room).session(id_)
            assert problem.value.status == 404


async def test_ending_twice_reports_one_departure() -> None:
    async with connecting() as house:
        session = await house.publish(a_speaker())
        await house.connector.room("lobby").end_session(session)
        await house.connector.room("lobby").end_session(session)
        assert len(house.audience.left) == 1


async def test_a_speaker_whose_farewell_failed_can_publish_again() -> None:
    async with connecting() as house:
        session = await house.publish(a_speaker())
        house.audience.broken = Away()
        await house.connector.room("lobby").end_session(session)
        house.audience.broken = None
        assert house.connector.peers() == 0
        await house.publish(a_speaker())


async def test_a_publisher_that_hangs_up_has_left() -> None:
    async with connecting() as house:
        connection, _ = publisher()
        try:
            session = await house.publish(a_speaker(), await offered(connection))
            await connection.setRemoteDescription(RTCSessionDescription(session.peer.sdp, "answer"))
            await until(lambda: house.audience.packets > 3)
        finally:
            await connection.close()
        await until(lambda: bool(house.audience.left))
        assert house.audience.left == [("ann", "the connection was lost")]
        assert house.connector.peers() == 0


async def test_the_speakers_who_came_back_after_a_restart_are_reported() -> None:
    async with connecting() as house:
        await house.publish(a_speaker())
        await until(lambda: bool(house.audience.rooms))
        assert house.audience.rooms == [("heard", "lobby", "ann")]


async def test_a_speaker_with_bad_sound_is_named_until_they_leave() -> None:
    async with connecting() as house:
        async with talking(house) as session:
            for _ in range(50):
                session.peer._intake.refuse(Unfit.STRAY)
            await until(lambda: len(house.reports) == 2)
            assert house.reports[1].startswith("ann: packets that are not the Opus")
            await house.connector.room("lobby").end_session(session)
        assert house.reports[2:] == [""]
    metrics = house.metrics.render().decode()
    assert 'earshot_packets_unfit_total{why="stray"} 50.0' in metrics
    assert "earshot_publishers_troubled_total{what=" in metrics
