"""A moderator's action is done when the room server says so, and never before."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import subprocess
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.simulation.failed import SimulationFailed
from service.simulation.results import ReceivedAlert, Report
from service.simulation.run import simulate_room
from service.simulation.script import DEMO_SCRIPT, Line, Script, ScriptedSpeaker
from tests.blackbox.receiver import Answer, Received, Receiver, receiving
from tests.e2e.following import Followed, following
from tests.server import PYTHON, Server, clean_environment

pytestmark = pytest.mark.anyio

CLIPS = DEMO_SCRIPT.parent
PHRASES = [
    ("mallory-gift-card", "send me your gift card codes"),
    ("mallory-verification", "read me the verification code"),
    ("walt-password", "what is your bank password"),
]
TIMEOUT_S = 4
SOON_S = 30.0
LONGER_THAN_AN_ANSWER_S = 13.0


def script(*phrases: tuple[str, str], apart_s: float = 3.8) -> Script:
    lines = [
        Line(0.2 + apart_s * number, CLIPS / f"{clip}.opus", text, alerts=True)
        for number, (clip, text) in enumerate(phrases)
    ]
    return Script("A test", (ScriptedSpeaker("mallory", "Mallory", tuple(lines)),))


@cache
def impatient() -> dict[str, str]:
    """Return the setting of a short limit for actions; a build that knows no limit gets none."""
    shown = subprocess.run(
        [PYTHON, "-P", "-m", "service", "settings"],
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    known = "EARSHOT_ACTION_TIMEOUT_S" in shown
    return {"EARSHOT_ACTION_TIMEOUT_S": str(TIMEOUT_S)} if known else {}


def serve(data: Path, **settings: str) -> Server:
    return Server(data, EARSHOT_WEBHOOK_ALLOW="127.0.0.1", **settings)


def says(outcome: str, reason: str) -> Answer:
    said = json.dumps({"outcome": outcome, "reason": reason}).encode()
    return lambda one: (200, said)


def nothing(one: Received) -> tuple[int, bytes]:
    return 200, b""


@dataclass
class Desk:
    """A moderator's desk: a server, its feed, and a room whose speaker is simulated."""

    server: Server
    http: httpx.AsyncClient
    feed: Followed

    @contextlib.asynccontextmanager
    async def hooked(self, receiver: Receiver, room: str) -> AsyncIterator[None]:
        """Let a webhook carry the actions of the room to the receiver."""
        body = {"url": receiver.url, "types": ["action.requested"], "room": room}
        made = await self.http.post("/v1/webhooks", json=body)
        assert made.status_code == 201, made.text
        try:
            yield
        finally:
            await self.http.delete(f"/v1/webhooks/{made.json()['id']}")

    async def act(self, alert_id: str, action: str) -> dict[str, Any]:
        path = f"/v1/alerts/{alert_id}/actions"
        response = await self.http.post(path, json={"action": action, "reason": "a test"})
        assert response.status_code == 202, response.text
        found: dict[str, Any] = response.json()
        return found

    async def end(self, action: dict[str, Any], *, count: int = 1) -> dict[str, Any]:
        """Wait for the action's final event; return its type and its data."""

        def ends() -> list[dict[str, Any]]:
            return [
                {"type": event["type"], **event["data"]}
                for event in self.feed.events
                if event["type"] in ("action.done", "action.failed")
                and event["data"]["id"] == action["id"]
            ]

        await self.feed.until(lambda: len(ends()) >= count, SOON_S)
        return ends()[count - 1]

    async def speak(
        self, room: str, spoken: Script, on_alert: Callable[[ReceivedAlert], None] = lambda _: None
    ) -> Report:
        return await simulate_room(
            self.server.url, self.server.key, room, spoken, on_alert, keep_room=True, settle_s=2.5
        )


@contextlib.asynccontextmanager
async def desk(server: Server) -> AsyncIterator[Desk]:
    headers = {"Authorization": f"Bearer {server.key}"}
    client = httpx.AsyncClient(
        base_url=server.url, headers=headers, trust_env=False, timeout=SOON_S
    )
    async with client as http, following(server) as feed:
        yield Desk(server, http, feed)


@dataclass(frozen=True)
class Scene:
    """Result of a mute in a room whose speaker says three phrases.

    Attributes:
        alert_id: Id of the first alert, because of which the mute was requested.
        asked: The action as it was requested.
        end: Final event of the mute.
        report: Report on the lines that were heard.
    """

    alert_id: str
    asked: dict[str, Any]
    end: dict[str, Any]
    report: Report


async def play(at: Desk, room: str, answer: Answer, settled: threading.Event) -> Scene:
    """Mute a speaker after their first phrase; set `settled` once the second has its alert."""
    with receiving(answer) as receiver:
        async with at.hooked(receiver, room), asyncio.TaskGroup() as tasks:
            speaking = tasks.create_task(at.speak(room, script(*PHRASES)))
            first = await at.feed.has("alert.raised", room_id=room, seconds=SOON_S)
            asked = await at.act(first["id"], "mute_speaker")
            second = tasks.create_task(
                at.feed.has("alert.raised", room_id=room, count=2, seconds=SOON_S)
            )
            await asyncio.wait([second, speaking], return_when=asyncio.FIRST_COMPLETED)
            settled.set()
            if not second.done():  # nobody hears the speaker any more
                second.cancel()
            return Scene(first["id"], asked, await at.end(asked), await speaking)


@dataclass(frozen=True)
class Evening:
    """Two rooms: the room server of one ignores actions, that of the other confirms them.

    Attributes:
        impatient: Server of the first room, with a short limit for actions.
        server: Server of the second room, with the limit that is the default.
    """

    impatient: Server
    server: Server
    ignored: Scene
    confirmed: Scene


@pytest.fixture(scope="module")
async def evening(
    tmp_path_factory: pytest.TempPathFactory, anyio_backend: str
) -> AsyncIterator[Evening]:
    second_phrase = threading.Event()

    def confirm(one: Received) -> tuple[int, bytes]:
        second_phrase.wait(SOON_S)
        return says("done", "microphone off")(one)

    folder = tmp_path_factory.mktemp("actions")
    with serve(folder / "first", **impatient()) as first, serve(folder / "second") as second:
        async with desk(first) as at, desk(second) as other, asyncio.TaskGroup() as tasks:
            ignored = tasks.create_task(play(at, "lobby", nothing, threading.Event()))
            confirmed = tasks.create_task(play(other, "stage", confirm, second_phrase))
        yield Evening(first, second, ignored.result(), confirmed.result())


async def test_a_receiver_that_answers_200_and_does_nothing_silences_nobody(
    evening: Evening,
) -> None:
    """Every word of the speaker is heard while the mute is pending, and after it has failed."""
    scene = evening.ignored
    assert (scene.end["type"], scene.end["state"]) == ("action.failed", "failed")
    assert f"no receiver confirmed it in {TIMEOUT_S} s; delivered at" in scene.end["detail"]
    assert scene.end["delivered_at"] is not None
    assert (scene.report.missed, scene.report.raised) == (0, len(PHRASES))
    with evening.impatient.client() as http:
        room = http.get("/v1/rooms/lobby").json()
    assert [one for one in room["speakers"] if one["muted"]] == []


async def test_a_speaker_is_heard_until_the_receiver_says_that_the_mute_is_done(
    evening: Evening,
) -> None:
    scene = evening.confirmed
    unheard = [line.text for line in scene.report.lines if not line.alert_ids]
    assert unheard == [PHRASES[2][1]]
    assert scene.asked["state"] == "pending"
    assert (scene.end["type"], scene.end["state"]) == ("action.done", "done")
    assert (scene.end["detail"], scene.end["late"]) == ("microphone off", False)


async def test_without_a_webhook_nothing_is_possible_and_the_case_says_why(
    evening: Evening,
) -> None:
    alert_id = evening.confirmed.alert_id
    with evening.server.client() as http:
        refused = http.post(f"/v1/alerts/{alert_id}/actions", json={"action": "warn"})
        case = http.get(f"/v1/alerts/{alert_id}").json()
    assert refused.status_code == 409
    problem = refused.json()
    assert "No enabled webhook takes `action.requested`" in problem["detail"]
    assert case["can"] == []
    assert {one["code"] for one in case["cannot"]} == {"no_webhook"}
    assert {one["reason"] for one in case["cannot"]} == {problem["detail"]}
    assert len(case["cannot"]) == 5


async def test_a_receiver_that_answers_failed_fails_the_action_with_its_reason(
    evening: Evening,
) -> None:
    alert_id = evening.confirmed.alert_id
    with receiving(says("failed", "the stage is locked")) as receiver:
        async with desk(evening.server) as at, at.hooked(receiver, "stage"):
            end = await at.end(await at.act(alert_id, "warn"))
    assert (end["type"], end["state"], end["detail"]) == (
        "action.failed",
        "failed",
        "the stage is locked",
    )
    (sent,) = receiver.received
    assert sent.data["id"] == end["id"]
    assert sent.data["expires_at"] == end["expires_at"]


async def test_a_room_server_reports_a_result_by_http(evening: Evening) -> None:
    alert_id = evening.confirmed.alert_id
    with receiving(nothing) as receiver:
        async with desk(evening.server) as at, at.hooked(receiver, "stage"):
            asked = await at.act(alert_id, "unmute_speaker")
            path = f"/v1/actions/{asked['id']}"
            done = {"outcome": "done", "reason": "on again"}
            for _ in range(2):
                taken = await at.http.post(f"{path}/result", json=done)
                assert taken.status_code == 200, taken.text
                assert taken.json()["state"] == "done"
            refused = await at.http.post(f"{path}/result", json={"outcome": "failed"})
            end = await at.end(asked)
            shown = (await at.http.get(path)).json()
            unknown = await at.http.post("/v1/actions/ac_0/result", json=done)
    assert refused.status_code == 409
    assert "is done, as first admin said" in refused.json()["detail"]
    assert (end["state"], end["detail"], end["late"]) == ("done", "on again", False)
    assert (shown["state"], shown["confirmed_by"]) == ("done", "first admin")
    assert unknown.status_code == 404


async def test_a_late_result_is_taken_and_shown_as_late(evening: Evening) -> None:
    asked, body = evening.ignored.asked, {"outcome": "done", "reason": "off at last"}
    async with desk(evening.impatient) as at:
        taken = await at.http.post(f"/v1/actions/{asked['id']}/result", json=body)
        assert taken.status_code == 200, taken.text
        assert taken.json()["late"] is True
        first, second = evening.ignored.end, await at.end(asked)
    assert datetime.fromisoformat(first["finished_at"]) >= datetime.fromisoformat(
        asked["expires_at"]
    )
    assert (second["type"], second["state"], second["late"]) == ("action.done", "done", True)


@pytest.mark.drill
@pytest.mark.parametrize("action", ["mute_speaker", "remove_speaker", "end_room"])
async def test_a_pending_action_survives_a_crash_and_fails_when_its_time_is_over(
    action: str, tmp_path: Path
) -> None:
    with serve(tmp_path / "data", **impatient()) as server:
        async with desk(server) as at:
            await at.speak("lobby", script(PHRASES[0]))
            alert = await at.feed.has("alert.raised", room_id="lobby", seconds=SOON_S)
            with receiving(nothing) as receiver:
                async with at.hooked(receiver, "lobby"):
                    asked = await at.act(alert["id"], action)
                    at.server.kill()
                    at.server.start()
                    end = await at.end(asked)
            assert (end["type"], end["state"]) == ("action.failed", "failed")
            room = (await at.http.get("/v1/rooms/lobby")).json()
            assert room["state"] == "listening", "nobody has confirmed its end"


@pytest.mark.drill
@pytest.mark.parametrize("action", ["remove_speaker", "end_room"])
async def test_the_last_words_before_a_confirmed_removal_or_end_are_heard(
    action: str, tmp_path: Path
) -> None:
    """The second phrase follows the request; the third would follow the confirmation."""
    second_phrase = threading.Event()

    def confirm(one: Received) -> tuple[int, bytes]:
        second_phrase.wait(SOON_S)
        return says("done", "gone")(one)

    with serve(tmp_path / "data") as server:
        async with desk(server) as at:
            with receiving(confirm) as receiver:
                async with at.hooked(receiver, "lobby"):
                    speaking = asyncio.create_task(at.speak("lobby", script(*PHRASES)))
                    first = await at.feed.has("alert.raised", room_id="lobby", seconds=SOON_S)
                    asked = await at.act(first["id"], action)
                    try:
                        await at.feed.has("alert.raised", room_id="lobby", count=2, seconds=SOON_S)
                    finally:
                        second_phrase.set()
                    assert (await at.end(asked))["state"] == "done"
                    left = "room.left" if action == "end_room" else "speaker.left"
                    await at.feed.has(left, seconds=SOON_S)
                    speaking.cancel()
                    with contextlib.suppress(asyncio.CancelledError, SimulationFailed):
                        await speaking
            kinds = [event["type"] for event in at.feed.events]
            before = kinds[: kinds.index("speaker.left")]
            assert before.count("alert.raised") == 2, "the speaker was heard until it was confirmed"


@pytest.mark.drill
async def test_a_confirmation_that_came_while_the_server_stood_still_is_taken(
    tmp_path: Path,
) -> None:
    asked, stopped = threading.Event(), threading.Event()

    def confirm(one: Received) -> tuple[int, bytes]:
        asked.set()
        stopped.wait(SOON_S)
        return says("done", "microphone off")(one)

    with serve(tmp_path / "data", **impatient()) as server:
        async with desk(server) as at:
            await at.speak("lobby", script(PHRASES[0]))
            alert = await at.feed.has("alert.raised", room_id="lobby", seconds=SOON_S)
            with receiving(confirm) as receiver:
                async with at.hooked(receiver, "lobby"):
                    action = await at.act(alert["id"], "mute_speaker")
                    await asyncio.to_thread(asked.wait, SOON_S)
                    assert server.process is not None
                    server.process.send_signal(signal.SIGSTOP)
                    try:
                        stopped.set()
                        await asyncio.sleep(LONGER_THAN_AN_ANSWER_S)
                    finally:
                        server.process.send_signal(signal.SIGCONT)
                    done = await at.feed.has("action.done", id=action["id"], seconds=SOON_S)
            assert (done["detail"], done["late"]) == ("microphone off", True)
            assert len(receiver.received) == 1
