"""Publishing by WHIP (RFC 9725) as a browser does, with real media."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from service.access.keys import digest_of
from service.clock import utc_now
from service.rooms.room import Room, RoomState, Speaker
from service.storage.rooms import SqlRooms, SqlTokens
from service.storage.schema import open_database
from tests.e2e.credentials import close_room, open_room, publish_token
from tests.e2e.offers import OFFER, trickled
from tests.e2e.peers import ORIGIN, a_peer, calling, connected, peers, until
from tests.server import Server

FOREIGN_TOKEN = "pt_a-token-of-a-room-of-another-kind"


@pytest.fixture(scope="module")
def whip_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start a server whose database has a room of another connector."""
    data = tmp_path_factory.mktemp("whip")
    asyncio.run(_add_foreign_room(data))
    with Server(data) as server:
        open_room(server, "lobby")
        yield server


async def _add_foreign_room(data: Path) -> None:
    database = await open_database(f"sqlite:///{data / 'earshot.db'}")
    try:
        kind, now = {"kind": "elsewhere"}, utc_now()
        await SqlRooms(database).add(Room("foreign", "", kind, [], [], RoomState.LOST, now))
        speaker = Speaker("foreign", "ann", "Ann")
        expires_at = now + timedelta(hours=1)
        await SqlTokens(database).add_token(digest_of(FOREIGN_TOKEN), speaker, expires_at)
    finally:
        await database.close()


def assert_refused(response: httpx.Response, status: int) -> None:
    """Assert a problem that a page of another origin may read."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["access-control-allow-origin"] == "*"
    assert response.json()["status"] == status


@pytest.mark.anyio
async def test_an_offer_is_answered_media_flows_and_a_delete_ends_it(whip_server: Server) -> None:
    token = publish_token(whip_server, "lobby", "ann")
    async with a_peer() as peer, calling(whip_server, token) as caller:
        answer = await caller.post("lobby", peer.localDescription.sdp)
        assert answer.status_code == 201
        assert answer.headers["content-type"] == "application/sdp"
        assert re.fullmatch(r"/whip/lobby/[A-Za-z0-9_-]+", answer.headers["location"])
        assert re.fullmatch(r'"[^"]+"', answer.headers["etag"])
        assert answer.headers["access-control-allow-origin"] == "*"
        exposed = answer.headers["access-control-expose-headers"].lower()
        assert "location" in exposed
        assert "etag" in exposed
        assert "useinbandfec=1" in answer.text
        await connected(peer, answer.text)
        assert peers(whip_server) == 1
        session = answer.headers["location"]
        assert (await caller.delete(session)).status_code == 200
        assert peers(whip_server) == 0
        assert_refused(await caller.delete(session), 404)
        assert_refused(
            await caller.patch(session, trickled(), If_Match=answer.headers["etag"]), 404
        )


@pytest.mark.anyio
async def test_candidates_may_be_trickled_one_by_one(whip_server: Server) -> None:
    token = publish_token(whip_server, "lobby", "tim")
    async with a_peer() as peer, calling(whip_server, token) as caller:
        lines = peer.localDescription.sdp.splitlines(keepends=True)
        late = [line for line in lines if line.startswith("a=candidate")]
        early = [line for line in lines if not re.match("a=(candidate|end-of-candidates)", line)]
        answer = await caller.post("lobby", "".join(early))
        assert answer.status_code == 201
        etag = answer.headers["etag"]
        waiting = asyncio.create_task(connected(peer, answer.text))
        ufrag = re.findall(r"a=ice-ufrag:(\S+)", "".join(early))[0]
        for candidate in [*late, "a=end-of-candidates\r\n"]:
            fragment = trickled(candidate, ufrag=ufrag)
            taken = await caller.patch(answer.headers["location"], fragment, If_Match=etag)
            assert taken.status_code == 204
            assert taken.content == b""
            assert taken.headers["access-control-allow-origin"] == "*"
        await waiting
        assert (await caller.delete(answer.headers["location"])).status_code == 200


@pytest.mark.anyio
async def test_a_speaker_cannot_publish_twice_at_the_same_time(whip_server: Server) -> None:
    token = publish_token(whip_server, "lobby", "once")
    again = publish_token(whip_server, "lobby", "once")
    async with calling(whip_server, token) as caller, calling(whip_server, again) as twin:
        first = await caller.post("lobby", OFFER)
        assert first.status_code == 201
        assert_refused(await caller.post("lobby", OFFER), 409)
        assert_refused(await twin.post("lobby", OFFER), 409)
        assert (await twin.delete(first.headers["location"])).status_code == 200
        second = await caller.post("lobby", OFFER)
        assert second.status_code == 201
        assert second.headers["location"] != first.headers["location"]
        await caller.delete(second.headers["location"])


@pytest.mark.anyio
async def test_only_one_of_twenty_simultaneous_offers_is_accepted(whip_server: Server) -> None:
    token = publish_token(whip_server, "lobby", "eager")
    async with calling(whip_server, token) as caller:
        answers = await asyncio.gather(*(caller.post("lobby", OFFER) for _ in range(20)))
        assert sorted(answer.status_code for answer in answers) == [201] + [409] * 19
        assert peers(whip_server) == 1
        [taken] = [answer for answer in answers if answer.status_code == 201]
        assert (await caller.delete(taken.headers["location"])).status_code == 200


@pytest.mark.anyio
@pytest.mark.parametrize("after_ms", [0, 5, 10, 15, 20, 30])
async def test_a_room_that_ends_while_speakers_join_keeps_none(
    after_ms: int, whip_server: Server
) -> None:
    room = f"closing-{after_ms}"
    open_room(whip_server, room)
    tokens = [publish_token(whip_server, room, f"speaker-{n}") for n in range(4)]
    async with contextlib.AsyncExitStack() as stack:
        callers = [await stack.enter_async_context(calling(whip_server, each)) for each in tokens]
        coming = [asyncio.create_task(caller.post(room, OFFER)) for caller in callers]
        await asyncio.sleep(after_ms / 1000)
        await asyncio.to_thread(close_room, whip_server, room)
        statuses = {answer.status_code for answer in await asyncio.gather(*coming)}
    assert statuses <= {201, 401, 404}
    assert peers(whip_server) == 0
    with whip_server.client() as client:
        assert client.get(f"/v1/rooms/{room}").json()["speakers"] == []


@pytest.mark.anyio
async def test_a_publisher_that_vanishes_is_dropped(whip_server: Server) -> None:
    token = publish_token(whip_server, "lobby", "rude")
    async with calling(whip_server, token) as caller:
        async with a_peer() as peer:
            answer = await caller.post("lobby", peer.localDescription.sdp)
            await connected(peer, answer.text)
        await until(lambda: peers(whip_server) == 0)
        back = await caller.post("lobby", OFFER)
        assert back.status_code == 201
        await caller.delete(back.headers["location"])


@pytest.mark.anyio
async def test_a_page_of_another_origin_can_read_each_refusal(whip_server: Server) -> None:
    token = publish_token(whip_server, "lobby", "page")
    async with calling(whip_server, token) as caller:
        assert_refused(await caller.post("lobby", "garbage"), 400)
        assert_refused(await caller.post("lobby", "a" * 65_537), 413)
        assert_refused(await caller.post("lobby", OFFER, Content_Type="text/plain"), 415)
        assert_refused(await caller.post("nowhere", OFFER), 404)
        assert_refused(await caller.post("%2e%2e", OFFER), 422)
        assert_refused(await caller.post("lobby", OFFER, Authorization=""), 401)
        assert_refused(await caller.patch("/whip/lobby/none", trickled()), 404)
        assert_refused(await caller.delete("/whip/lobby/none"), 404)
        made = await caller.post("lobby", OFFER)
        session, etag = made.headers["location"], made.headers["etag"]
        other = publish_token(whip_server, "lobby", "other")
        assert_refused(await caller.patch(session, trickled()), 428)
        assert_refused(await caller.patch(session, trickled(), If_Match='"stale"'), 412)
        assert_refused(await caller.patch(session, "garbage", If_Match=etag), 400)
        assert_refused(await caller.patch(session, trickled(ufrag="Zz9z"), If_Match=etag), 422)
        assert_refused(await caller.patch(session, trickled(ufrag="Zz9z"), If_Match="*"), 422)
        assert_refused(
            await caller.patch(session, "{}", If_Match=etag, Content_Type="application/json"), 415
        )
        async with calling(whip_server, other) as stranger:
            assert_refused(await stranger.patch(session, trickled(), If_Match=etag), 403)
            assert_refused(await stranger.delete(session), 403)
        assert (await caller.delete(session)).status_code == 200


@pytest.mark.anyio
async def test_a_token_admits_to_its_own_room_until_it_expires(whip_server: Server) -> None:
    open_room(whip_server, "hall")
    elsewhere = publish_token(whip_server, "hall", "ann")
    brief = publish_token(whip_server, "lobby", "brief", life_s=1)
    async with calling(whip_server, elsewhere) as caller:
        assert_refused(await caller.post("lobby", OFFER), 403)
    async with calling(whip_server, FOREIGN_TOKEN) as caller:
        assert_refused(await caller.post("foreign", OFFER), 409)
    async with calling(whip_server, whip_server.key) as caller:
        assert_refused(await caller.post("lobby", OFFER), 401)
    await asyncio.sleep(1.1)
    async with calling(whip_server, brief) as caller:
        assert_refused(await caller.post("lobby", OFFER), 401)


def test_a_preflight_request_is_allowed(whip_server: Server) -> None:
    asked = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,if-match",
    }
    with httpx.Client(base_url=whip_server.url, trust_env=False) as client:
        for path in ("/whip/lobby", "/whip/lobby/some-session"):
            for method in ("POST", "PATCH", "DELETE"):
                headers = {**asked, "Access-Control-Request-Method": method}
                told = client.options(path, headers=headers)
                assert told.status_code == 200
                assert told.headers["access-control-allow-origin"] == "*"
                assert method in told.headers["access-control-allow-methods"]
                allowed = told.headers["access-control-allow-headers"].lower()
                assert {"authorization", "content-type", "if-match"} <= set(
                    re.split(r",\s*", allowed)
                )
        plain = client.options("/whip/lobby")
        assert plain.status_code == 204
        assert plain.headers["accept-post"] == "application/sdp"
        assert "access-control-allow-origin" not in client.get("/v1/rooms", headers=asked).headers


def test_a_room_is_opened_once_shown_listed_ended_and_opened_again(whip_server: Server) -> None:
    body = {"id": "den", "title": "The den", "connector": {"kind": "whip"}, "languages": ["en"]}
    with whip_server.client() as client:
        first = client.post("/v1/rooms", json=body)
        assert first.status_code == 201
        assert first.headers["location"] == "/v1/rooms/den"
        assert client.post("/v1/rooms", json=body).status_code == 200
        other = client.post("/v1/rooms", json={**body, "title": "Another"})
        assert other.status_code == 409
        assert client.get("/v1/rooms/den").json()["state"] == "listening"
        assert "den" in [room["id"] for room in client.get("/v1/rooms").json()["items"]]
        ended = client.delete("/v1/rooms/den")
        assert (ended.status_code, ended.content) == (204, b"")
        assert client.delete("/v1/rooms/den").status_code == 404
        assert client.get("/v1/rooms/den").json()["state"] == "ended"
        again = client.post("/v1/rooms", json={**body, "title": "Another"})
        assert again.status_code == 201
        assert client.get("/v1/rooms/den").json()["title"] == "Another"


@pytest.mark.anyio
async def test_ending_a_room_takes_its_speakers_with_it(whip_server: Server) -> None:
    open_room(whip_server, "brief")
    since = _latest_event(whip_server)
    tokens = [publish_token(whip_server, "brief", speaker) for speaker in ("ann", "bob")]
    async with (
        a_peer() as ann,
        a_peer() as bob,
        calling(whip_server, tokens[0]) as first,
        calling(whip_server, tokens[1]) as second,
    ):
        for peer, caller in ((ann, first), (bob, second)):
            answer = await caller.post("brief", peer.localDescription.sdp)
            await connected(peer, answer.text)
        with whip_server.client() as client:
            shown = client.get("/v1/rooms/brief").json()
            assert [speaker["id"] for speaker in shown["speakers"]] == ["ann", "bob"]
        await asyncio.to_thread(close_room, whip_server, "brief")
        assert peers(whip_server) == 0
        await until(lambda: ann.connectionState == bob.connectionState == "closed")
        assert_refused(await first.post("brief", OFFER), 401)
    events = _events(whip_server, since, until="room.left")
    assert [name for name in events if name.startswith(("room", "speaker"))] == [
        "speaker.joined",
        "speaker.joined",
        "speaker.left",
        "speaker.left",
        "room.left",
    ]


def _latest_event(server: Server) -> str:
    with server.client() as client, client.stream("GET", "/v1/feed") as feed:
        return next(line for line in feed.iter_lines() if line.startswith("id: "))[4:]


def _events(server: Server, since: str, *, until: str) -> list[str]:
    """Return the types of the stored events after a cursor, up to the first of type `until`."""
    found = []
    with server.client() as client:
        headers = {"Last-Event-ID": since}
        with client.stream("GET", "/v1/feed", headers=headers) as feed:
            for line in feed.iter_lines():
                if line.startswith("data: "):
                    found.append(json.loads(line[6:])["type"])
                    if found[-1] == until:
                        break
    return found
