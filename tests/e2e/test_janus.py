"""Rooms of a real Janus: attribution, actions, and recovery after a crash."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Page, async_playwright

from service.simulation.client import ServerClient
from service.simulation.publisher import Publisher, ScriptStart
from service.simulation.room_host import WhipEndpoint
from service.simulation.script import DEMO_SCRIPT, ScriptedSpeaker, load_script
from tests.conftest import left_behind
from tests.e2e.following import Event, Followed, following
from tests.e2e.test_chromium import FLAGS, microphone, serving_pages
from tests.janus import HOOK_SECRET, ROOM_SECRET, Janus
from tests.needs import CHROMIUM
from tests.rooms.calls import until
from tests.rooms.janus.stage import Speakers, speaking, voice
from tests.server import Server

pytestmark = [pytest.mark.anyio, pytest.mark.janus, pytest.mark.timeout(240)]

SAID = {
    line.clip.name: line.text
    for speaker in load_script(DEMO_SCRIPT).speakers
    for line in speaker.lines
}
PAUSE_S = 1.5
ROOMS = ("lounge", "stage")
_TELLING = 3
"""Least number of words that the text must share with a clip."""


@pytest.fixture
def janus() -> Iterator[Janus]:
    with Janus(rooms=["stage"]) as janus:
        yield janus


@pytest.fixture
def server(janus: Janus, tmp_path: Path) -> Iterator[Server]:
    with a_server(janus, tmp_path) as server:
        yield server


@pytest.fixture(autouse=True)
async def settled(anyio_backend: str) -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    await until(lambda: not left_behind(before))


def a_server(janus: Janus, folder: Path, **settings: str) -> Server:
    return Server(
        folder / "server",
        EARSHOT_JANUS=janus.ws_url,
        EARSHOT_JANUS_ROOM_SECRET=ROOM_SECRET,
        EARSHOT_PUBLIC_URL="https://rooms.example",
        **settings,
    )


class Api:
    """HTTP client of the server with an admin's key."""

    def __init__(self, server: Server) -> None:
        self._http = httpx.AsyncClient(
            base_url=server.url,
            headers={"Authorization": f"Bearer {server.key}"},
            trust_env=False,
            timeout=10,
        )

    async def __aenter__(self) -> Api:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def open(self, room: str, **connector: str) -> None:
        described = connector or {"kind": "janus", "room": room}
        body = {"id": room, "connector": described, "languages": ["en"]}
        answer = await self._http.post("/v1/rooms", json=body)
        assert answer.status_code == 201, answer.text

    async def room(self, room: str) -> Any:
        return (await self._http.get(f"/v1/rooms/{room}")).json()

    async def alert(self, alert_id: str) -> Any:
        return (await self._http.get(f"/v1/alerts/{alert_id}")).json()

    async def act(self, alert: Event, action: str) -> httpx.Response:
        body = {"action": action, "reason": "a test"}
        return await self._http.post(f"/v1/alerts/{alert['id']}/actions", json=body)


def clip_with_words(text: str, clips: Sequence[str]) -> str:
    """Return the clip that has these words; "" if they are too few to decide.

    A room that is joined in the middle of a sentence yields the rest of it, with errors.
    """
    words = set(text.split())
    said = {clip: len(words & set(SAID[clip].split())) for clip in clips}
    clip = max(said, key=lambda clip: said[clip])
    return clip if said[clip] >= _TELLING else ""


def check_attribution(feed: Followed, said: dict[str, str]) -> None:
    """Assert that every transcript and alert names the speaker whose clip it is."""
    clips = list(said.values())
    for told in ("transcript.heard", "alert.raised"):
        for data in feed.of(told):
            text = data.get("text") or data["excerpt"]
            assert clip_with_words(text, clips) in ("", said[data["speaker_id"]]), text


@asynccontextmanager
async def chromium(clip: str, folder: Path) -> AsyncIterator[Page]:
    """Open a browser whose microphone plays the clip."""
    flags = [*FLAGS, f"--use-file-for-fake-audio-capture={microphone(folder / 'said.wav', clip)}"]
    with serving_pages() as url:
        async with async_playwright() as playwright:
            context = await playwright.chromium.launch_persistent_context(
                folder / "profile", executable_path=CHROMIUM, args=flags
            )
            try:
                page = await context.new_page()
                await page.goto(url)
                yield page
            finally:
                await context.close()


@pytest.mark.browser
async def test_alerts_name_the_speaker_and_actions_are_done_in_the_room(
    janus: Janus, server: Server, tmp_path: Path
) -> None:
    said = {
        "trudy": "trudy-insult.opus",
        "walt": "walt-despair.opus",
        "mallory": "mallory-gift-card.opus",
        "nina": "mallory-casino.opus",
    }
    async with (
        following(server) as feed,
        Api(server) as api,
        chromium(said["mallory"], tmp_path) as page,
        speaking(janus, "lounge", pause_s=PAUSE_S) as speakers,
    ):
        await api.open("lounge")
        await page.evaluate(
            "(given) => publishToJanus(...given)", [janus.http_url, "lounge", "mallory", "Mallory"]
        )
        await speakers.join("trudy", clip=said["trudy"])
        await speakers.join("walt", clip=said["walt"])
        for name in ("mallory", "trudy", "walt"):
            await feed.has("alert.raised", speaker_id=name)
        # Another alert, on Walt's line.
        await speakers.leave("walt")
        await speakers.join("nina", clip=said["nina"])
        await feed.has("alert.raised", speaker_id="nina")
        check_attribution(feed, said)
        names = {alert["speaker_id"]: alert["speaker_name"] for alert in feed.of("alert.raised")}
        assert names == {id_: id_.title() for id_ in said}

        # The mute is set in Janus, and lasts.
        alert = feed.of("alert.raised", speaker_id="trudy")[0]
        asked = await api.act(alert, "mute_speaker")
        assert (asked.status_code, asked.json()["state"]) == (202, "pending")
        done = await feed.has("action.done", alert_id=alert["id"])
        assert (done["state"], done["detail"]) == ("done", "Janus has muted them")
        assert janus.publishers("lounge")["trudy"]["streams"][0]["moderated"]
        await speakers.leave("trudy")
        await speakers.join("trudy", clip=said["trudy"])
        await until(lambda: muted_at(janus, "trudy"))
        heard = len(feed.of("transcript.heard", speaker_id="trudy"))
        for _ in range(2):
            await feed.next("transcript.heard", speaker_id="nina")
        assert len(feed.of("transcript.heard", speaker_id="trudy")) <= heard + 1, (
            "what was under way"
        )
        shown = {one["id"]: one["muted"] for one in (await api.room("lounge"))["speakers"]}
        assert shown == {"trudy": True, "nina": False, "mallory": False}

        # Unmuting undoes it.
        assert (await api.act(alert, "unmute_speaker")).status_code == 202
        await feed.has("action.done", alert_id=alert["id"], action="unmute_speaker", state="done")
        await feed.next("transcript.heard", speaker_id="trudy")
        case = await api.alert(alert["id"])
        assert [one["action"] for one in case["actions"]] == ["mute_speaker", "unmute_speaker"]
        assert {one["requested_by"] for one in case["actions"]} == {"first admin"}

        # Remove the speaker.
        alert = feed.of("alert.raised", speaker_id="mallory")[0]
        await api.act(alert, "remove_speaker")
        await feed.has("action.done", alert_id=alert["id"], state="done")
        assert "mallory" not in janus.participants("lounge")
        await feed.has("speaker.left", id="mallory")
        check_attribution(feed, said)


def muted_at(janus: Janus, speaker: str) -> bool:
    found = janus.publishers("lounge").get(speaker)
    return found is not None and bool(found["streams"][0].get("moderated"))


async def test_no_word_crosses_from_one_room_into_another(janus: Janus, server: Server) -> None:
    """Two rooms on one Janus and a WHIP room at once, with a speaker called Ann in each."""
    said = {
        "lounge": "mallory-gift-card.opus",
        "stage": "walt-despair.opus",
        "studio": "mallory-casino.opus",
    }
    async with (
        following(server) as feed,
        Api(server) as api,
        speaking(janus, "lounge", pause_s=PAUSE_S) as lounge,
        speaking(janus, "stage", pause_s=PAUSE_S) as stage,
        by_whip(server, "studio", said["studio"], api),
    ):
        for room, speakers in (("lounge", lounge), ("stage", stage)):
            await api.open(room)
            await speakers.join("ann", clip=said[room])
        for room in said:
            await feed.has("transcript.heard", room_id=room, count=3, seconds=40)
        for told in ("transcript.heard", "alert.raised"):
            for data in feed.of(told):
                text = data.get("text") or data["excerpt"]
                assert clip_with_words(text, list(said.values())) in ("", said[data["room_id"]]), (
                    text
                )
        assert {alert["room_id"] for alert in feed.of("alert.raised")} == set(said)


@asynccontextmanager
async def by_whip(server: Server, room: str, clip: str, api: Api) -> AsyncIterator[None]:
    """Let Ann talk in a WHIP room."""
    await api.open(room, kind="whip")
    who = ScriptedSpeaker(id="ann", name="Ann", role="speaker", lines=())
    script_start = ScriptStart()
    script_start.announce(asyncio.get_running_loop().time())
    async with ServerClient(server.url, server.key) as client:
        seat = WhipEndpoint(client, room, who)
        packets = voice(clip, pause_s=PAUSE_S)
        publisher = Publisher(packets, seat, script_start, lambda *_: None, loopback=True)
        task = asyncio.create_task(publisher.run(), name="whip speaker")
        try:
            async with asyncio.timeout(15):
                await publisher.connected.wait()
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])


@asynccontextmanager
async def two_rooms(
    janus: Janus, feed: Followed, api: Api
) -> AsyncIterator[tuple[Speakers, Speakers]]:
    """Open two rooms with a speaker talking in each."""
    async with (
        speaking(janus, "lounge", pause_s=PAUSE_S) as lounge,
        speaking(janus, "stage", pause_s=PAUSE_S) as stage,
    ):
        for room, speakers in (("lounge", lounge), ("stage", stage)):
            await api.open(room)
            await speakers.join("ann", clip="trudy-insult.opus")
        for room in ROOMS:
            await feed.has("transcript.heard", room_id=room)
        yield lounge, stage


def instant(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


async def await_gaps(feed: Followed, lost_at: float, back_at: float) -> None:
    """Wait until in each room a gap of Ann's track covers the outage; others may come first."""

    def gaps(room: str) -> list[tuple[float, float]]:
        """Return the room's gaps, in seconds after the loss."""
        found = feed.of("audio.gap", room_id=room, speaker_id="ann")
        return [
            (instant(gap["from_at"]) - lost_at, instant(gap["to_at"]) - lost_at) for gap in found
        ]

    for room in ROOMS:
        try:
            await feed.until(
                lambda room=room: any(  # type: ignore[misc]
                    from_s <= 0.5 and to_s >= back_at - lost_at for from_s, to_s in gaps(room)
                )
            )
        except TimeoutError:
            pytest.fail(f"{room}: no gap up to {back_at - lost_at:.2f} s among {gaps(room)}")


async def test_the_server_returns_to_the_rooms_of_a_restarted_janus(
    janus: Janus, server: Server
) -> None:
    async with following(server) as feed, Api(server) as api, two_rooms(janus, feed, api):
        lost_at = time.time()
        janus.kill()
        for room in ROOMS:
            await feed.has("room.state", id=room, state="lost", seconds=5)
        await asyncio.sleep(6)
        heard = {room: len(feed.of("room.state", id=room, state="listening")) for room in ROOMS}
        await asyncio.to_thread(janus.start)
        back_at = time.time()
        for room in ROOMS:
            count = heard[room] + 1
            await feed.has("room.state", id=room, state="listening", count=count, seconds=10)
        for room in ROOMS:
            await feed.next("transcript.heard", room_id=room, seconds=30)
        await await_gaps(feed, lost_at, back_at)
        assert {state["reason"] for state in feed.of("room.state", state="lost")} <= {
            "the connection to Janus was closed",
            "Janus server janus cannot be reached (ConnectionRefusedError)",
        }


async def test_a_restarted_server_returns_to_its_rooms(janus: Janus, server: Server) -> None:
    async with following(server) as feed, Api(server) as api, two_rooms(janus, feed, api):
        lost_at = time.time()
        server.kill()
        await asyncio.sleep(3)
        await asyncio.to_thread(server.start)
        back_at = time.time()
        for room in ROOMS:
            await feed.has("room.state", id=room, state="listening", seconds=10)
            await feed.next("transcript.heard", room_id=room, seconds=30)
        await await_gaps(feed, lost_at, back_at - 1)


async def test_only_the_destroyed_room_ends(janus: Janus, server: Server) -> None:
    janus.make_room("short")
    async with following(server) as feed, Api(server) as api:
        for room in ("short", "lounge"):
            await api.open(room)
            await feed.has("room.state", id=room, state="listening")
        janus.ask({"request": "destroy", "room": "short", "secret": ROOM_SECRET})
        left = await feed.has("room.left", id="short")
        assert left["reason"] == "the room was destroyed at Janus"
        assert (await api.room("lounge"))["state"] == "listening"


async def test_a_missing_room_is_lost_with_a_reason_until_it_is_created(
    janus: Janus, server: Server
) -> None:
    async with following(server) as feed, Api(server) as api:
        await api.open("later")
        await api.open("lounge")
        lost = await feed.has("room.state", id="later", state="lost")
        assert lost["reason"] == "Janus server janus has no room 'later'"
        assert (await api.room("lounge"))["state"] in ("joining", "listening")
        janus.make_room("later")
        await feed.has("room.state", id="later", state="listening")


async def test_the_event_handler_of_janus_opens_the_rooms_of_the_setting(
    tmp_path: Path,
) -> None:
    janus = Janus(rooms=["stage"])
    wanted = {"EARSHOT_LISTEN_TO": "janus:lounge", "EARSHOT_JANUS_HOOK_SECRET": HOOK_SECRET}
    with a_server(janus, tmp_path, **wanted) as server:
        janus.backend = f"{server.url}/v1/hooks/janus"
        with janus:
            async with (
                following(server) as feed,
                speaking(janus, "lounge") as lounge,
                speaking(janus, "stage") as stage,
            ):
                await stage.join("bob", clip="walt-despair.opus")
                await lounge.join("ann", clip="trudy-insult.opus")
                await feed.has("alert.raised", room_id="janus:lounge")
                assert [room["id"] for room in feed.of("room.joined")] == ["janus:lounge"]
                destroy = {"request": "destroy", "room": "lounge", "secret": ROOM_SECRET}
                janus.ask(destroy)
                await feed.has("room.left", id="janus:lounge")
