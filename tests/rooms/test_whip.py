from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from aiortc import RTCSessionDescription

from service.errors import Problem
from service.rooms.peer import Candidates
from service.rooms.whip import Publisher, WhipConnector
from tests.rooms.calls import LOOPBACK, corpus, offered, publisher, until
from tests.rooms.fakes import Audience, Away, a_room, a_speaker

pytestmark = pytest.mark.anyio

OFFER = corpus("chromium.sdp")
CANDIDATE = "1 1 udp 2122260223 127.0.0.1 9 typ host"


@contextlib.asynccontextmanager
async def connecting(*rooms: str) -> AsyncIterator[tuple[WhipConnector, Audience]]:
    """A connector that runs and listens to these rooms; nothing of it is left afterwards."""
    before = asyncio.all_tasks()
    audience = Audience()
    connector = WhipConnector(audience, addresses=LOOPBACK)
    for room in rooms or ("lobby",):
        await connector.join(a_room(room))
    running = asyncio.create_task(connector.run(), name="connector")
    await asyncio.sleep(0)
    try:
        yield connector, audience
    finally:
        running.cancel()
        await asyncio.wait([running])
        await until(lambda: all(task.done() for task in asyncio.all_tasks() - before), 2)


async def refused(connector: WhipConnector, offer: str = OFFER, **speaker: str) -> Problem:
    with pytest.raises(Problem) as problem:
        await connector.publish(a_speaker(**speaker), offer)
    return problem.value


async def test_a_speaker_is_announced_and_answered() -> None:
    async with connecting() as (connector, audience):
        session = await connector.publish(a_speaker(), OFFER)
        assert audience.here == ["ann"]
        assert connector.peers() == 1
        assert connector.session("lobby", session.id) is session
        assert session.etag == f'"{session.peer.ufrag}"'
        assert "m=audio" in session.peer.sdp


async def test_a_session_without_a_packet_for_long_gives_way_to_a_new_one() -> None:
    async with connecting() as (connector, audience):
        gone = await connector.publish(a_speaker(), OFFER)
        assert (await refused(connector)).status == 409
        gone.heard_s -= 5.0
        session = await connector.publish(a_speaker(), OFFER)
        assert session.id != gone.id
        assert audience.left == [("ann", "replaced by a new connection")]
        assert (audience.here, connector.peers()) == (["ann"], 1)


async def test_a_room_that_is_not_listened_to_is_404() -> None:
    async with connecting() as (connector, audience):
        assert (await refused(connector, room_id="nowhere")).status == 404
        assert audience.waiting == []


async def test_a_speaker_publishes_once_until_they_have_left() -> None:
    async with connecting() as (connector, audience):
        session = await connector.publish(a_speaker(), OFFER)
        again = await refused(connector)
        assert (again.status, again.title) == (409, "Already publishing")
        assert "DELETE" in again.detail
        await connector.publish(a_speaker("bob"), OFFER)
        await connector.end(session)
        assert audience.left == [("ann", "the speaker left")]
        await connector.publish(a_speaker(), OFFER)
        assert connector.peers() == 2


async def test_two_offers_of_a_speaker_at_once_make_one_session() -> None:
    async with connecting() as (connector, audience):
        made = await asyncio.gather(
            *(connector.publish(a_speaker(), OFFER) for _ in range(3)), return_exceptions=True
        )
        assert sum(isinstance(one, Publisher) for one in made) == 1
        assert connector.peers() == 1
        assert audience.here == ["ann"]


async def test_a_speaker_whose_last_words_are_still_waited_for_is_409() -> None:
    async with connecting() as (connector, audience):
        session = await connector.publish(a_speaker(), OFFER)
        audience.leaving.clear()
        leaving = asyncio.create_task(connector.end(session))
        await until(lambda: audience.waiting == ["ann", "ann"])
        assert (await refused(connector)).status == 409
        audience.leaving.set()
        await leaving
        await connector.publish(a_speaker(), OFFER)


async def test_a_bad_offer_is_400_and_leaves_nothing() -> None:
    async with connecting() as (connector, audience):
        assert (await refused(connector, "rubbish")).status == 400
        assert connector.peers() == 0
        assert audience.waiting == []
        await connector.publish(a_speaker(), OFFER)


async def test_a_speaker_who_cannot_be_put_on_record_leaves_nothing() -> None:
    async with connecting() as (connector, audience):
        audience.broken = Away()
        with pytest.raises(Away):
            await connector.publish(a_speaker(), OFFER)
        assert connector.peers() == 0
        audience.broken = None
        await connector.publish(a_speaker(), OFFER)


async def test_leaving_a_room_closes_its_peers_at_once_and_no_others() -> None:
    async with connecting("lobby", "stage") as (connector, audience):
        for name in ("ann", "bob"):
            await connector.publish(a_speaker(name), OFFER)
        other = await connector.publish(a_speaker("cat", "stage"), OFFER)
        audience.waiting.clear()
        audience.leaving.clear()
        leaving = asyncio.create_task(connector.leave("lobby", "the room was closed"))
        await until(lambda: sorted(audience.waiting) == ["ann", "bob"])  # not one by one
        audience.leaving.set()
        await leaving
        assert sorted(audience.left) == [
            ("ann", "the room was closed"),
            ("bob", "the room was closed"),
        ]
        assert connector.session("stage", other.id) is other
        assert (await refused(connector)).status == 404


async def test_a_room_that_closes_while_an_offer_is_answered_keeps_no_peer() -> None:
    async with connecting() as (connector, audience):
        publishing = asyncio.create_task(connector.publish(a_speaker(), OFFER))
        await asyncio.sleep(0)
        await connector.leave("lobby", "the room was closed")
        with pytest.raises(Problem) as problem:
            await publishing
        assert problem.value.status == 404
        assert connector.peers() == 0
        assert audience.here == []


async def test_a_room_that_closes_while_a_speaker_joins_lets_them_go_again() -> None:
    async with connecting() as (connector, audience):
        audience.joining.clear()
        publishing = asyncio.create_task(connector.publish(a_speaker(), OFFER))
        await until(lambda: bool(audience.waiting))
        leaving = asyncio.create_task(connector.leave("lobby", "the room was closed"))
        await asyncio.sleep(0)
        audience.joining.set()
        await publishing
        await leaving
        assert (audience.here, audience.left) == ([], [("ann", "the room was closed")])
        assert connector.peers() == 0


async def test_one_speaker_is_let_go_of_and_may_come_again() -> None:
    async with connecting() as (connector, audience):
        await connector.publish(a_speaker(), OFFER)
        assert not await connector.dismiss("lobby", "bob", "told to")
        assert not await connector.dismiss("cellar", "ann", "told to")
        assert await connector.dismiss("lobby", "ann", "told to")
        assert (audience.here, connector.peers()) == ([], 0)
        await connector.publish(a_speaker(), OFFER)
        assert audience.here == ["ann"]


async def test_a_session_belongs_to_its_room() -> None:
    async with connecting("lobby", "stage") as (connector, _):
        session = await connector.publish(a_speaker(), OFFER)
        for room, id_ in (("stage", session.id), ("lobby", "other")):
            with pytest.raises(Problem) as problem:
                connector.session(room, id_)
            assert problem.value.status == 404


async def test_ending_twice_says_goodbye_once() -> None:
    async with connecting() as (connector, audience):
        session = await connector.publish(a_speaker(), OFFER)
        await connector.end(session)
        await connector.end(session)
        assert len(audience.left) == 1


async def test_a_goodbye_that_fails_frees_the_place_all_the_same() -> None:
    async with connecting() as (connector, audience):
        session = await connector.publish(a_speaker(), OFFER)
        audience.broken = Away()
        await connector.end(session)
        audience.broken = None
        assert connector.peers() == 0
        await connector.publish(a_speaker(), OFFER)


async def test_a_publisher_that_hangs_up_is_let_go() -> None:
    async with connecting() as (connector, audience):
        connection, _ = publisher()
        try:
            session = await connector.publish(a_speaker(), await offered(connection))
            await connection.setRemoteDescription(RTCSessionDescription(session.peer.sdp, "answer"))
            await until(lambda: audience.packets > 3)
        finally:
            await connection.close()
        await until(lambda: bool(audience.left))
        assert audience.left == [("ann", "the connection was lost")]
        assert connector.peers() == 0


async def test_stopping_closes_every_peer_and_tells_nobody() -> None:
    """Who is live stays live, so that the next run tells of the gap."""
    async with connecting() as (connector, audience):
        await connector.publish(a_speaker(), OFFER)
        await connector.publish(a_speaker("bob"), OFFER)
    assert audience.left == []


@pytest.mark.parametrize(
    ("if_match", "ufrag", "lines", "status"),
    [
        (None, None, [CANDIDATE], 428),
        ("*", None, [CANDIDATE], 422),
        ("ETAG", "other", [CANDIDATE], 422),
        ('"stale"', None, [CANDIDATE], 412),
        ("ETAG", "Xf3q", ["rubbish"], 400),
        ("ETAG", "Xf3q", [CANDIDATE] * 101, 400),
    ],
)
async def test_a_trickle_that_does_not_fit_is_refused(
    if_match: str | None, ufrag: str | None, lines: list[str], status: int
) -> None:
    async with connecting() as (connector, _):
        session = await connector.publish(a_speaker(), OFFER)
        given = session.etag if if_match == "ETAG" else if_match
        with pytest.raises(Problem) as problem:
            await connector.trickle(session, Candidates(ufrag, lines), given)
        assert problem.value.status == status


async def test_a_trickle_of_this_session_is_taken() -> None:
    async with connecting() as (connector, _):
        session = await connector.publish(a_speaker(), OFFER)
        await connector.trickle(session, Candidates("Xf3q", [CANDIDATE]), session.etag)
        await connector.trickle(session, Candidates(None, []), f'"other", {session.etag}')
