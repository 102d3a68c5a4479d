"""Tests of the simulated speakers' client against a faulty Janus."""

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


class FakeJanus:
    """
    Attributes:
        asked: Requests so far.
        poll_answer: Answer to a poll.
        keepalive_answer: Answer to a keepalive.
        silent: True to answer no poll.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.last = ""
        self.poll_answer: dict[str, Any] = {}
        self.silent = False
        self.keepalive_answer: dict[str, Any] = {"janus": "ack"}

    async def answer(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            if self.silent:
                await asyncio.sleep(60)
            event = {"janus": "event", "transaction": self.last, **self.poll_answer}
            return httpx.Response(200, json=event)
        body = json.loads(request.content)
        self.asked.append(body["janus"])
        self.last = body["transaction"]
        if body["janus"] == "keepalive":
            return httpx.Response(200, json=self.keepalive_answer)
        kind = "ack" if body["janus"] == "message" else "success"
        return httpx.Response(200, json={"janus": kind, "data": {"id": len(self.asked)}})


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeJanus:
    fake = FakeJanus()
    transport = httpx.MockTransport(fake.answer)
    make_client = partial(httpx.AsyncClient, transport=transport)
    monkeypatch.setattr("service.simulation.janus.httpx.AsyncClient", make_client)
    monkeypatch.setattr(janus, "_ANSWER_S", 0.05)
    monkeypatch.setattr(janus, "_KEEP_ALIVE_S", 0.01)
    return fake


async def test_a_janus_that_sends_no_event_is_reported_as_silent(fake: FakeJanus) -> None:
    fake.silent = True
    async with JanusClient("http://127.0.0.1:8088/janus", "lounge") as client:
        with pytest.raises(SimulationFailed, match="does not answer"):
            await client.publish(ANN, "v=0")
    assert fake.asked == ["create", "attach", "message", "destroy"]


async def test_a_speaker_who_is_refused_leaves_no_session(fake: FakeJanus) -> None:
    fake.poll_answer = {
        "plugindata": {"data": {"error_code": 433, "error": "Unauthorized (wrong pin)"}}
    }
    async with JanusClient("http://127.0.0.1:8088/janus", "lounge") as client:
        with pytest.raises(Refused, match="wrong pin"):
            await client.publish(ANN, "v=0")
    assert fake.asked[-1] == "destroy"


async def test_a_session_that_janus_lost_gets_no_more_keepalives(fake: FakeJanus) -> None:
    fake.poll_answer = {"jsep": {"sdp": "v=0"}}
    async with JanusClient("http://127.0.0.1:8088/janus", "lounge") as client:
        await client.publish(ANN, "v=0")
        keeping = asyncio.create_task(client.keep_alive())
        await asyncio.sleep(0.05)
        count = fake.asked.count("keepalive")
        assert count > 1
        fake.keepalive_answer = {
            "janus": "error",
            "error": {"code": 458, "reason": "No such session"},
        }
        await asyncio.sleep(0.05)
        count = fake.asked.count("keepalive")
        await asyncio.sleep(0.05)
        assert fake.asked.count("keepalive") == count
        assert not keeping.done()
        keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeping
