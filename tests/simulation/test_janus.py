"""The simulated speakers' way into a Janus that does not do as it should."""

from __future__ import annotations

import asyncio
import contextlib
import json
from functools import partial
from typing import Any

import httpx
import pytest

from service.simulation import janus
from service.simulation.failed import Refused, SimulationFailed
from service.simulation.janus import JanusClient
from service.simulation.script import ScriptedSpeaker

pytestmark = pytest.mark.anyio

ANN = ScriptedSpeaker("ann", "Ann", ())


class Janus:
    """What it is asked, and what it answers to a poll and to a keepalive."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.last = ""
        self.polled: dict[str, Any] = {}
        self.silent = False
        self.kept: dict[str, Any] = {"janus": "ack"}

    async def answer(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            if self.silent:
                await asyncio.sleep(60)
            told = {"janus": "event", "transaction": self.last, **self.polled}
            return httpx.Response(200, json=told)
        body = json.loads(request.content)
        self.asked.append(body["janus"])
        self.last = body["transaction"]
        if body["janus"] == "keepalive":
            return httpx.Response(200, json=self.kept)
        said = "ack" if body["janus"] == "message" else "success"
        return httpx.Response(200, json={"janus": said, "data": {"id": len(self.asked)}})


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Janus:
    there = Janus()
    transport = httpx.MockTransport(there.answer)
    made = partial(httpx.AsyncClient, transport=transport)
    monkeypatch.setattr("service.simulation.janus.httpx.AsyncClient", made)
    monkeypatch.setattr(janus, "_ANSWER_S", 0.05)
    monkeypatch.setattr(janus, "_KEEP_ALIVE_S", 0.01)
    return there


async def test_a_janus_that_tells_nothing_more_is_said_not_to_answer(there: Janus) -> None:
    there.silent = True
    async with JanusClient("http://127.0.0.1:8088/janus", "lounge") as client:
        with pytest.raises(SimulationFailed, match="does not answer"):
            await client.publish(ANN, "v=0")
    assert there.asked == ["create", "attach", "message", "destroy"]


async def test_a_speaker_who_is_refused_leaves_no_session(there: Janus) -> None:
    there.polled = {
        "plugindata": {"data": {"error_code": 433, "error": "Unauthorized (wrong pin)"}}
    }
    async with JanusClient("http://127.0.0.1:8088/janus", "lounge") as client:
        with pytest.raises(Refused, match="wrong pin"):
            await client.publish(ANN, "v=0")
    assert there.asked[-1] == "destroy"


async def test_a_session_that_janus_lost_is_not_kept_and_the_others_are(there: Janus) -> None:
    there.polled = {"jsep": {"sdp": "v=0"}}
    async with JanusClient("http://127.0.0.1:8088/janus", "lounge") as client:
        await client.publish(ANN, "v=0")
        keeping = asyncio.create_task(client.keep_alive())
        await asyncio.sleep(0.05)
        kept = there.asked.count("keepalive")
        assert kept > 1
        there.kept = {"janus": "error", "error": {"code": 458, "reason": "No such session"}}
        await asyncio.sleep(0.05)
        kept = there.asked.count("keepalive")
        await asyncio.sleep(0.05)
        assert there.asked.count("keepalive") == kept
        assert not keeping.done()
        keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeping
