"""Rooms that change while they are listened to."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.blackbox.room_voice import Said, publishing
from tests.e2e.following import Followed, following
from tests.rulebook.examples import text_of
from tests.server import Server

HEARD_S = 30.0
SLACK = timedelta(seconds=0.5)


@pytest.fixture
def server(shared_server: Server) -> Server:
    return shared_server


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """Start a server that a test may kill, and whose policies it may change."""
    with Server(tmp_path / "data") as server:
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


def a_room(client: httpx.Client, id_: str, **more: Any) -> dict[str, Any]:
    body = {"id": id_, "title": "Lounge", "connector": {"kind": "whip"}, **more}
    client.post("/v1/rooms", json=body).raise_for_status()
    return body


async def change(server: Server, room: str, **fields: Any) -> dict[str, Any]:
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as client:
        headers = {"Authorization": f"Bearer {server.key}"}
        answer = await client.patch(f"/v1/rooms/{room}", json=fields, headers=headers)
        assert answer.status_code == 200, answer.text
        changed: dict[str, Any] = answer.json()
        return changed


def spans(feed: Followed, type_: str, start: str, end: str) -> list[tuple[datetime, datetime]]:
    return [
        (datetime.fromisoformat(one[start]), datetime.fromisoformat(one[end]))
        for one in feed.of(type_, room_id="pause")
    ]


def covered(said: Said, periods: list[tuple[datetime, datetime]]) -> bool:
    """Whether one of the periods has the whole clip, but for its silent margins."""
    return any(
        start - SLACK <= said.started and said.ended <= end + SLACK for start, end in periods
    )


@pytest.mark.anyio
async def test_a_pause_hears_nothing_loses_nothing_and_keeps_the_speaker(server: Server) -> None:
    with server.client() as client:
        a_room(client, "pause")
    async with following(server) as feed, publishing(server, "pause", "mallory") as voice:
        before = await voice.say("mallory-gift-card")
        paused = await change(server, "pause", listening=False)
        assert (paused["listening"], paused["state"]) == (False, "paused")
        await feed.has("room.state", id="pause", state="paused", listening=False, seconds=HEARD_S)
        await feed.has("transcript.heard", speaker_id="mallory", seconds=HEARD_S)
        during = await voice.say("walt-password")
        resumed = await change(server, "pause", listening=True)
        assert (resumed["listening"], resumed["state"]) == (True, "listening")
        after = await voice.say("trudy-insult")
        await feed.has("transcript.heard", count=2, speaker_id="mallory", seconds=HEARD_S)
        await feed.has("audio.gap", reason="listening was paused", seconds=HEARD_S)
        await feed.has("alert.raised", count=2, room_id="pause", seconds=HEARD_S)
        texts = [one["text"] for one in feed.of("transcript.heard", room_id="pause")]
        assert "gift card" in texts[0], "words in flight are finished"
        assert "idiot" in texts[1], "it goes on at once"
        assert not any("password" in text for text in texts)
        gaps = spans(feed, "audio.gap", "from_at", "to_at")
        heard = spans(feed, "transcript.heard", "started_at", "ended_at")
        assert [covered(one, heard) for one in (before, during, after)] == [True, False, True]
        assert [covered(one, gaps) for one in (before, during, after)] == [False, True, False]
        assert feed.of("speaker.left", room_id="pause") == []
    with server.client() as client:
        client.delete("/v1/rooms/pause").raise_for_status()


@pytest.mark.drill
@pytest.mark.anyio
async def test_new_policies_apply_to_the_next_utterance_without_a_join(own_server: Server) -> None:
    server = own_server
    with server.client() as client:
        yaml = {"Content-Type": "application/yaml"}
        client.put("/v1/policies/quiet", content=text_of("quiet"), headers=yaml).raise_for_status()
        a_room(client, "rules", policies=["quiet"])
    async with following(server) as feed, publishing(server, "rules", "trudy") as voice:
        await voice.say("trudy-insult")
        await feed.has("transcript.heard", room_id="rules", seconds=HEARD_S)
        changed = await change(server, "rules", policies=["demo"], languages=["en"])
        assert (changed["policies"], changed["languages"]) == (["demo"], ["en"])
        await voice.say("walt-password")
        alert = await feed.has("alert.raised", room_id="rules", seconds=HEARD_S)
        assert "password" in alert["excerpt"]
        assert len(feed.of("alert.raised", room_id="rules")) == 1
        assert len(feed.of("speaker.joined", room_id="rules")) == 1


@pytest.mark.drill
def test_a_pause_and_a_description_survive_a_crash_and_the_first_body(own_server: Server) -> None:
    server = own_server
    with server.client() as client:
        first = a_room(client, "kept")
        fields = {"title": "Late", "tags": ["eu", "late night"], "listening": False}
        client.patch("/v1/rooms/kept", json=fields).raise_for_status()
    server.kill()
    server.start()
    with server.client() as client:
        again = client.post("/v1/rooms", json=first)
        assert again.status_code == 200, "a room server sends its first body at each start"
        shown = again.json()
        assert {name: shown[name] for name in fields} == fields, "it undoes no change"
        assert shown["state"] == "paused"
        present = {**first, "title": "Late", "tags": fields["tags"]}
        assert client.post("/v1/rooms", json=present).status_code == 200
        assert client.post("/v1/rooms", json={**first, "title": "Neither"}).status_code == 409
        changes = client.get("/v1/audit", params={"subject": "kept"}).json()["items"]
        reasons = [one["reason"] for one in changes if one["action"] == "room.changed"]
        assert reasons == ["title, tags, listening paused"]


def test_the_first_body_again_undoes_no_change(client: httpx.Client) -> None:
    first = a_room(client, "again", tags=["eu"])
    client.patch("/v1/rooms/again", json={"title": "Late", "tags": []}).raise_for_status()
    again = client.post("/v1/rooms", json=first)
    assert (again.status_code, again.json()["title"], again.json()["tags"]) == (200, "Late", [])
    assert client.post("/v1/rooms", json={**first, "title": "Neither"}).status_code == 409


def test_simultaneous_changes_of_different_fields_both_hold(
    server: Server, client: httpx.Client
) -> None:
    a_room(client, "both")

    async def both() -> None:
        await asyncio.gather(
            *(change(server, "both", title=f"title {n}") for n in range(5)),
            *(change(server, "both", tags=[f"tag-{n}"]) for n in range(5)),
            change(server, "both", listening=False),
        )

    asyncio.run(both())
    shown = client.get("/v1/rooms/both").json()
    assert shown["title"].startswith("title ")
    assert shown["tags"][0].startswith("tag-")
    assert shown["listening"] is False


def test_a_change_that_cannot_be_made_is_refused_whole(client: httpx.Client) -> None:
    a_room(client, "refuses")
    wrong = {
        "empty": {},
        "unknown field": {"name": "x"},
        "null": {"title": None},
        "connector": {"connector": {"kind": "whip"}},
        "a word for a switch": {"listening": "false"},
        "unknown pack": {"title": "x", "policies": ["nosuchpack"]},
        "bad language": {"title": "x", "languages": ["English"]},
        "too many tags": {"tags": [f"t{n}" for n in range(21)]},
        "empty tag": {"tags": [" "]},
        "control character": {"tags": ["a\x1b[2J"]},
    }
    for name, body in wrong.items():
        refused = client.patch("/v1/rooms/refuses", json=body)
        assert refused.status_code == 422, name
        assert refused.json()["detail"]
    assert client.get("/v1/rooms/refuses").json()["title"] == "Lounge"
    unknown = client.patch("/v1/rooms/nowhere", json={"title": "x"})
    assert (unknown.status_code, unknown.json()["title"]) == (404, "No such room")
    client.delete("/v1/rooms/refuses").raise_for_status()
    ended = client.patch("/v1/rooms/refuses", json={"listening": False})
    assert (ended.status_code, ended.json()["title"]) == (409, "Room ended")
