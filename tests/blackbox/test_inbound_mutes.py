"""Room servers that say whom their room does not hear."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.webhooks.signing import headers_for
from tests.blackbox.room_voice import publishing
from tests.e2e.credentials import open_room
from tests.e2e.following import following
from tests.server import Server

HEARD_S = 30.0


class RoomServer:
    """Room server that sends signed events."""

    def __init__(self, server: Server) -> None:
        self._server = server
        with server.client() as client:
            made = client.post("/v1/hooks/secrets", json={"room_server": "mutes"})
            made.raise_for_status()
            self._secret = made.json()["secret"]
        self._count = 0

    async def tell(self, type_: str, room: str, speaker: str, *, id_: str = "") -> tuple[int, str]:
        """Send an event about a speaker; return the status and the outcome."""
        self._count += 1
        data: dict[str, Any] = {"room": {"id": room}, "speaker": {"id": speaker}}
        body = json.dumps({"type": type_, "data": data}).encode()
        signed = headers_for([self._secret], id_ or f"m-{self._count}", datetime.now(UTC), body)
        async with httpx.AsyncClient(base_url=self._server.url, trust_env=False) as client:
            headers = {**signed, "Content-Type": "application/json"}
            answer = await client.post("/v1/hooks/rooms", content=body, headers=headers)
        return answer.status_code, answer.json()["outcome"]


@pytest.fixture(scope="module")
def rooms(shared_server: Server) -> RoomServer:
    return RoomServer(shared_server)


@pytest.fixture
def server(shared_server: Server) -> Server:
    return shared_server


def shown_as_muted(server: Server, room: str) -> dict[str, bool]:
    with server.client() as client:
        speakers = client.get(f"/v1/rooms/{room}").json()["speakers"]
    return {one["id"]: one["muted"] for one in speakers}


@pytest.mark.anyio
async def test_whom_the_room_does_not_hear_is_not_heard_here(
    server: Server, rooms: RoomServer
) -> None:
    open_room(server, "mutes")
    async with following(server) as feed, publishing(server, "mutes", "mallory") as voice:
        assert await rooms.tell("speaker.muted", "mutes", "mallory", id_="once") == (200, "done")
        event = await feed.has(
            "speaker.muted", room_id="mutes", id="mallory", muted=True, seconds=HEARD_S
        )
        assert event["room_id"] == "mutes"
        assert shown_as_muted(server, "mutes") == {"mallory": True}
        again = await rooms.tell("speaker.muted", "mutes", "mallory", id_="once-more")
        assert again == (200, "done")
        await voice.say("walt-password")
        await rooms.tell("speaker.role_changed", "mutes", "mallory")
        assert shown_as_muted(server, "mutes") == {"mallory": True}, "a role is no unmute"
        assert await rooms.tell("speaker.unmuted", "mutes", "mallory") == (200, "done")
        await feed.has("speaker.unmuted", id="mallory", muted=False, seconds=HEARD_S)
        assert shown_as_muted(server, "mutes") == {"mallory": False}
        await voice.say("trudy-insult")
        await feed.has("alert.raised", room_id="mutes", seconds=HEARD_S)
        texts = [one["text"] for one in feed.of("transcript.heard", room_id="mutes")]
        assert ["idiot" in text for text in texts] == [True], "what the room did not hear is not"
        assert len(feed.of("speaker.muted", room_id="mutes")) == 1


@pytest.mark.anyio
async def test_a_mute_may_come_before_the_sound_and_ends_with_the_stay(
    server: Server, rooms: RoomServer
) -> None:
    open_room(server, "stand")
    assert await rooms.tell("speaker.muted", "stand", "ann") == (200, "done")
    async with publishing(server, "stand", "ann"):
        assert shown_as_muted(server, "stand") == {"ann": True}
    assert await rooms.tell("speaker.left", "stand", "ann") == (200, "done")
    async with publishing(server, "stand", "ann"):
        assert shown_as_muted(server, "stand") == {"ann": False}


@pytest.mark.drill
@pytest.mark.anyio
async def test_a_mute_outlasts_a_crash(tmp_path: Path) -> None:
    with Server(tmp_path / "data") as server:
        await _mute_and_crash(server, RoomServer(server))


async def _mute_and_crash(server: Server, rooms: RoomServer) -> None:
    open_room(server, "stage")
    assert await rooms.tell("speaker.muted", "stage", "ann") == (200, "done")
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.start)
    async with publishing(server, "stage", "ann"):
        assert shown_as_muted(server, "stage") == {"ann": True}


@pytest.mark.anyio
async def test_a_mute_in_a_room_that_is_not_listened_to_needs_no_action(
    server: Server, rooms: RoomServer
) -> None:
    assert await rooms.tell("speaker.muted", "nowhere", "ann") == (202, "ignored")
    open_room(server, "known")
    assert await rooms.tell("speaker.unmuted", "known", "ann") == (200, "done")
