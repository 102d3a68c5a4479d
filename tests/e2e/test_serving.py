"""`earshot serve` from start to end: its output, log, signals and exit code."""

from __future__ import annotations

import asyncio
import re
import signal
import time
from pathlib import Path

import httpx
import pytest

from service.simulation.failed import SimulationFailed
from service.simulation.run import simulate_room
from service.simulation.script import DEMO_SCRIPT, Line, Script, ScriptedSpeaker
from tests.e2e.commands import Ended, Serving, serving
from tests.server import ADMIN_KEY

SAID = "send me your gift card codes"
LINE = Line(0.2, DEMO_SCRIPT.parent / "mallory-gift-card.opus", SAID, alerts=True)


def a_script(*lines: Line) -> Script:
    return Script("A test", (ScriptedSpeaker("mallory", "Mallory", lines),))


def settings(data: Path, **more: str) -> dict[str, str]:
    return {"EARSHOT_PORT": "0", "EARSHOT_DATA_DIR": str(data), **more}


def assert_clean_end(ended: Ended) -> None:
    assert ended.code == 0, ended.log
    assert ended.out == ""
    assert "Traceback" not in ended.log
    assert [line for line in ended.lines() if line["level"] in ("error", "critical")] == []


def test_the_first_start_shows_a_key_and_the_second_does_not(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with serving(tmp_path, settings(data), lines=2) as first:
        assert re.fullmatch(r"listening on http://127\.0\.0\.1:[1-9]\d*", first.lines[0])
        assert re.fullmatch(rf"console {re.escape(first.url)}/#key=ek_\S+", first.lines[1])
        key = first.lines[1].rpartition("=")[2]
        assert answers(first, key)
        ended = first.end(signal.SIGTERM)
        assert_clean_end(ended)
        assert key not in ended.log
    with serving(tmp_path, settings(data)) as second:
        assert answers(second, key)
        assert_clean_end(second.end(signal.SIGINT))


def answers(server: Serving, key: str) -> bool:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.get(f"{server.url}/v1/rooms", headers=headers, trust_env=False).is_success


@pytest.mark.anyio
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_the_server_while_a_speaker_talks_and_a_client_follows_the_feed(
    number: signal.Signals, tmp_path: Path
) -> None:
    lines = [Line(0.2 + 3.7 * n, LINE.clip, SAID, alerts=True) for n in range(3)]
    with serving(tmp_path, settings(tmp_path / "data", EARSHOT_ADMIN_KEY=ADMIN_KEY)) as server:
        heard = asyncio.Event()
        talk = asyncio.create_task(
            simulate_room(
                server.url, ADMIN_KEY, "lobby", a_script(*lines), lambda alert: heard.set()
            )
        )
        headers = {"Authorization": f"Bearer {ADMIN_KEY}"}
        async with (
            httpx.AsyncClient(base_url=server.url, trust_env=False, headers=headers) as client,
            client.stream("GET", "/v1/feed") as feed,
        ):
            await asyncio.wait_for(heard.wait(), 20)
            await asyncio.sleep(1.0)  # into the second line
            ended = await asyncio.to_thread(server.end, number)
            rest = [line async for line in feed.aiter_lines()]
        talk.cancel()
        with pytest.raises((asyncio.CancelledError, SimulationFailed)):
            await talk
    assert_clean_end(ended)
    assert "event: alert.raised" in rest, "the stream was served, and ended in good order"


@pytest.mark.anyio
async def test_the_log_is_json_and_contains_no_transcribed_words(tmp_path: Path) -> None:
    with serving(
        tmp_path,
        settings(tmp_path / "data", EARSHOT_ADMIN_KEY=ADMIN_KEY, EARSHOT_LOG_LEVEL="debug"),
    ) as server:
        report = await simulate_room(server.url, ADMIN_KEY, "lobby", a_script(LINE), keep_room=True)
        assert report.ok, "it was heard"
        ended = await asyncio.to_thread(server.end, signal.SIGTERM)
    assert_clean_end(ended)
    assert {"room.opened", "whip.published", "whip.ended"} <= set(ended.events())
    words = set(re.findall(r"[a-z]+", ended.log.lower()))
    assert not words & set(SAID.split()) - {"me", "your"}
    assert ADMIN_KEY not in ended.log
    assert "mallory" not in words, "people are named by the room server, not by the log"


@pytest.mark.parametrize("after_s", [0.5, 1.5])
def test_ctrl_c_during_the_start_leaves_no_traceback(after_s: float, tmp_path: Path) -> None:
    with serving(tmp_path, settings(tmp_path / "data"), lines=0) as server:
        time.sleep(after_s)
        ended = server.end(signal.SIGINT)
    assert ended.code in (-signal.SIGINT, 0, 1), "before the program is loaded, after, or between"
    assert "Traceback" not in ended.log
