from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from service.simulation.client import ServerClient
from service.simulation.failed import Refused, SimulationFailed
from service.simulation.results import ReceivedAlert
from service.simulation.run import simulate_room
from service.simulation.script import Line, Script, ScriptedSpeaker, load_script
from tests.server import Server
from tests.simulation.examples import CLIPS


def line(at_s: float, clip: str, text: str, rule: str = "") -> Line:
    return Line(at_s, CLIPS / f"{clip}.opus", text, alerts=bool(rule), rule=rule)


GIFT_CARD = line(0.5, "mallory-gift-card", "send me your gift card codes", "scam-gift-cards")
LATE = line(60, "mallory-returns", "guaranteed returns double your money", "scam-easy-money")
KIND = line(1.5, "grace-kind", "please be kind to each other")
GRACE = ScriptedSpeaker("grace", "Grace", (KIND,))
SCRIPT = Script("Short", (ScriptedSpeaker("mallory", "Mallory", (GIFT_CARD,)), GRACE))


def room_state(server: Server, room_id: str) -> str:
    with server.client() as client:
        return str(client.get(f"/v1/rooms/{room_id}").json()["state"])


@pytest.mark.anyio
async def test_a_script_is_played_heard_and_alerted_over_webrtc(shared_server: Server) -> None:
    received: list[ReceivedAlert] = []
    report = await simulate_room(
        shared_server.url, shared_server.key, "short", SCRIPT, received.append
    )
    assert report.ok
    assert (report.utterances, report.expected, report.raised) == (2, 1, 1)
    assert report.word_errors == 0
    [alert] = received
    assert alert.expected
    assert alert.speaker == "Mallory"
    assert alert.after_words_s is not None
    assert alert.after_words_s > 0.3, "no alert before the pause that ends an utterance"
    assert room_state(shared_server, "short") == "ended"


@pytest.mark.anyio
async def test_a_cancelled_simulation_closes_the_room(shared_server: Server) -> None:
    received = asyncio.Event()
    task = asyncio.create_task(
        simulate_room(
            shared_server.url, shared_server.key, "cut", SCRIPT, lambda alert: received.set()
        )
    )
    await asyncio.wait_for(received.wait(), 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 30)
    assert room_state(shared_server, "cut") == "ended"


@pytest.mark.anyio
async def test_the_simulation_fails_when_somebody_closes_its_room(shared_server: Server) -> None:
    script = Script("Endless", (GRACE, ScriptedSpeaker("mallory", "Mallory", (GIFT_CARD, LATE))))
    received = asyncio.Event()
    task = asyncio.create_task(
        simulate_room(
            shared_server.url, shared_server.key, "shut", script, lambda alert: received.set()
        )
    )
    await asyncio.wait_for(received.wait(), 30)
    async with ServerClient(shared_server.url, shared_server.key) as client:
        await client.delete_room("shut")
    with pytest.raises(SimulationFailed, match="room 'shut' was closed while"):
        await asyncio.wait_for(task, 10)


@pytest.mark.anyio
async def test_speakers_reconnect_to_a_server_that_was_killed_and_restarted(
    server: Server,
) -> None:
    again = line(16, "mallory-returns", "guaranteed returns double your money", "scam-easy-money")
    script = Script("Long", (ScriptedSpeaker("mallory", "Mallory", (GIFT_CARD, again)), GRACE))
    received: list[ReceivedAlert] = []
    first = asyncio.Event()

    def add(alert: ReceivedAlert) -> None:
        received.append(alert)
        first.set()

    task = asyncio.create_task(simulate_room(server.url, server.key, "long", script, add))
    await asyncio.wait_for(first.wait(), 30)
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.start)
    report = await asyncio.wait_for(task, 60)
    assert report.ok
    assert [alert.rules for alert in received] == [("scam-gift-cards",), ("scam-easy-money",)]


@pytest.mark.anyio
async def test_a_wrong_key_is_one_sentence(shared_server: Server) -> None:
    with pytest.raises(Refused, match=r"refused to open the feed \(HTTP 401\)"):
        await simulate_room(shared_server.url, "ek_wrong", "short", SCRIPT)


@pytest.mark.anyio
async def test_a_corrupt_clip_is_named_before_the_room_is_opened(tmp_path: Path) -> None:
    (tmp_path / "bad.opus").write_bytes(b"OggS" * 100)
    (tmp_path / "script.yaml").write_text(
        "title: T\nspeakers:\n  - id: ann\n    name: Ann\n    lines:\n"
        "      - {at_s: 1, clip: bad.opus, text: x}\n"
    )
    with pytest.raises(SimulationFailed, match=r"bad\.opus is not a readable audio file"):
        await simulate_room(
            "http://127.0.0.1:9", "k", "room", load_script(tmp_path / "script.yaml")
        )
