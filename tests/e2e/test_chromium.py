"""Publishing from a real browser, on a page of another origin."""

from __future__ import annotations

import contextlib
import json
import time
import wave
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import numpy as np
import pytest
from playwright.sync_api import Page, sync_playwright

from service.simulation.script import DEMO_SCRIPT
from service.simulation.voice import SAMPLE_RATE, read_clip
from tests.e2e.credentials import open_room
from tests.needs import CHROMIUM
from tests.server import Server

pytestmark = [pytest.mark.browser, pytest.mark.timeout(60)]

CLIP = "mallory-gift-card.opus"
RULE = "scam-gift-cards"
HEARD_WITHIN_S = 15.0
"""Longest wait: the microphone repeats the clip, and set-up may cut off its first turn."""

FLAGS = [
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--allow-loopback-in-peer-connection",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def page_url() -> Iterator[str]:
    with serving_pages() as url:
        yield url


@contextlib.contextmanager
def serving_pages() -> Iterator[str]:
    """Serve the publishing page on an origin of its own."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

    handler = partial(Quiet, directory=str(Path(__file__).parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/publish.html"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def page(page_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """Open the page in a headless Chromium whose microphone repeats the clip."""
    folder = tmp_path_factory.mktemp("chromium")
    flags = [*FLAGS, f"--use-file-for-fake-audio-capture={microphone(folder / 'said.wav')}"]
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            folder / "profile", executable_path=CHROMIUM, args=flags
        )
        try:
            page = context.new_page()
            page.goto(page_url)
            yield page
        finally:
            context.close()


def microphone(path: Path, clip: str = CLIP) -> Path:
    """Write a WAV file of the clip between two silences; Chromium plays it in a loop."""
    silence = np.zeros(2 * SAMPLE_RATE, np.int16)
    sound = np.concatenate([silence, read_clip(DEMO_SCRIPT.parent / clip), silence[:SAMPLE_RATE]])
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(sound.tobytes())
    return path


@pytest.mark.parametrize(
    ("trickle", "dtx", "speaker", "name"),
    [
        (False, True, "mallory", "Mallory M."),
        (True, True, "trudy", "Trudy T."),
        (False, False, "mike", "Mike M."),
    ],
    ids=["full gathering", "trickle", "without DTX"],
)
def test_words_from_a_browser_raise_an_alert_about_its_speaker(
    trickle: bool, dtx: bool, speaker: str, name: str, page: Page, shared_server: Server
) -> None:
    room = f"room-of-{speaker}"
    open_room(shared_server, room)
    token = named_token(shared_server, room, speaker, name)
    endpoint = f"{shared_server.url}/whip/{room}"
    with shared_server.client() as client, following(client, room) as feed:
        published = page.evaluate(
            "([e, t, k, d]) => publish(e, t, k, d)", [endpoint, token, trickle, dtx]
        )
        alert = next(event for event in feed if event["type"] == "alert.raised")["data"]
        assert page.evaluate("() => leave()") == 200
    assert (alert["room_id"], alert["speaker_id"]) == (room, speaker)
    assert alert["speaker_name"] == name
    [match] = alert["matches"]
    assert match["rule_id"] == RULE
    [[start, end]] = match["spans"]
    assert "gift card" in alert["excerpt"][start:end]
    if trickle:
        assert published["offered"] == 0
        assert set(published["patched"]) == {204}
    else:
        assert published["offered"] > 0


def test_a_browser_that_is_muted_or_sends_nothing_stays_connected(
    page: Page, shared_server: Server
) -> None:
    """It stays longer than a killed publisher would, and later speech still raises an alert."""
    room = "quiet"
    open_room(shared_server, room)
    token = named_token(shared_server, room, "quentin", "Quentin Q.")
    endpoint = f"{shared_server.url}/whip/{room}"
    with shared_server.client() as client, following(client, room, within_s=60) as feed:
        page.evaluate("([e, t]) => publish(e, t, false)", [endpoint, token])
        page.evaluate("() => mute(true)")
        page.wait_for_timeout(1_000)
        before = page.evaluate("() => packets()")
        page.wait_for_timeout(10_000)
        sent = page.evaluate("() => packets()") - before
        assert sent < 100, "with DTX a packet every 0.4 s"
        page.evaluate("() => hold(true)")
        page.wait_for_timeout(11_000)
        assert client.get(f"/v1/rooms/{room}").json()["speakers"][0]["id"] == "quentin"
        page.evaluate("() => { hold(false); mute(false); }")
        types = [event["type"] for event in _until(feed, "alert.raised")]
        assert page.evaluate("() => leave()") == 200
    assert "speaker.left" not in types


def _until(events: Iterator[dict[str, Any]], type_: str) -> Iterator[dict[str, Any]]:
    for event in events:
        yield event
        if event["type"] == type_:
            return


def named_token(server: Server, room: str, speaker: str, name: str) -> str:
    body = {"speaker_id": speaker, "name": name, "expires_in_s": 60}
    with server.client() as client:
        return str(client.post(f"/v1/rooms/{room}/publish-tokens", json=body).json()["token"])


@contextlib.contextmanager
def following(
    client: httpx.Client, room: str, within_s: float = HEARD_WITHIN_S
) -> Iterator[Iterator[dict[str, Any]]]:
    """Follow the events of a room from now on, until the longest wait is over."""
    with client.stream("GET", "/v1/feed", params={"room": room}) as feed:
        lines = feed.iter_lines()
        assert next(lines).startswith("retry:"), "the stream has begun"
        yield _events(lines, within_s)


def _events(lines: Iterator[str], within_s: float) -> Iterator[dict[str, Any]]:
    deadline: float | None = None
    for line in lines:
        deadline = deadline or time.monotonic() + within_s
        assert time.monotonic() < deadline, "no alert came"
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))
