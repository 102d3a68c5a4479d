from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from service.simulation.client import FeedEvent, ServerClient
from service.simulation.failed import Refused, SimulationFailed
from service.simulation.script import Line, ScriptedSpeaker
from tests.simulation.examples import CLIPS

ANN = ScriptedSpeaker("ann", "Ann", (Line(0, CLIPS / "none.opus", "x"),), role="host")

Handler = Callable[[Request], Awaitable[Response]]


@dataclass
class ReceivedRequests:
    """Requests that a client sent: method, path, headers and body."""

    requests: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, _, _, body in self.requests]


@contextlib.asynccontextmanager
async def answering(handler: Handler) -> AsyncIterator[tuple[ServerClient, ReceivedRequests]]:
    """Make a client of a server that answers every request by `handler`."""
    received = ReceivedRequests()

    async def record(request: Request) -> Response:
        body = await request.body()
        path = request.scope["raw_path"].decode()
        received.requests.append((request.method, path, dict(request.headers), body))
        return await handler(request)

    methods = ["GET", "POST", "DELETE"]
    app = Starlette(routes=[Route("/{path:path}", record, methods=methods)])
    config = uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        task = asyncio.create_task(server.serve(sockets=[listener]))
        port = listener.getsockname()[1]
        try:
            async with ServerClient(f"http://127.0.0.1:{port}/", "the-key") as client:
                yield client, received
        finally:
            server.should_exit = True
            await task


def always_answer(status: int, body: object = None, **headers: str) -> Handler:
    async def answer(_: Request) -> Response:
        return JSONResponse(body, status, headers)

    return answer


@pytest.mark.anyio
async def test_a_room_is_asked_for_with_its_connector_and_the_key() -> None:
    async with answering(always_answer(201, {})) as (client, received):
        await client.create_room("lobby", "Lobby", ["demo"])
    [(method, path, headers, _)] = received.requests
    assert (method, path) == ("POST", "/v1/rooms")
    assert headers["authorization"] == "Bearer the-key"
    assert received.bodies == [
        {
            "id": "lobby",
            "title": "Lobby",
            "connector": {"kind": "whip"},
            "languages": ["en"],
            "policies": ["demo"],
        }
    ]


@pytest.mark.anyio
async def test_a_token_is_asked_for_one_speaker() -> None:
    async with answering(always_answer(201, {"token": "t1"})) as (client, received):
        assert await client.publish_token("a/b", ANN, expires_in_s=60) == "t1"
    assert received.requests[0][1] == "/v1/rooms/a%2Fb/publish-tokens"
    assert received.bodies == [
        {"speaker_id": "ann", "name": "Ann", "role": "host", "expires_in_s": 60}
    ]


@pytest.mark.anyio
async def test_an_offer_goes_out_with_the_token_and_the_session_is_deleted_by_its_location() -> (
    None
):
    async def whip(request: Request) -> Response:
        if request.method == "DELETE":
            return Response(status_code=200)
        headers = {"Location": "/whip/lobby/7", "Content-Type": "application/sdp"}
        return Response("v=0 answer", 201, headers)

    async with answering(whip) as (client, received):
        answer = await client.offer("lobby", "t1", "v=0 offer")
        await client.hang_up(answer.location, "t1")
    assert answer.sdp == "v=0 answer"
    offer, leave = received.requests
    assert offer[0:2] == ("POST", "/whip/lobby")
    assert offer[2]["content-type"] == "application/sdp"
    assert offer[3] == b"v=0 offer"
    assert leave[0:2] == ("DELETE", "/whip/lobby/7")
    assert offer[2]["authorization"] == leave[2]["authorization"] == "Bearer t1"


@pytest.mark.anyio
async def test_a_problem_becomes_one_sentence_with_the_servers_reason() -> None:
    problem = {"title": "Conflict", "detail": "room 'lobby' is another\x1b[2J room", "status": 409}
    async with answering(always_answer(409, problem)) as (client, _):
        with pytest.raises(Refused) as refused:
            await client.create_room("lobby", "Lobby", [])
    assert refused.value.status == 409
    assert str(refused.value) == (
        "the server refused to open room 'lobby' (HTTP 409): room 'lobby' is another [2J room"
    )


@pytest.mark.anyio
@pytest.mark.parametrize("body", ["not an object", 7, None, {}])
async def test_an_answer_of_another_program_is_recognised(body: object) -> None:
    async with answering(always_answer(201, body)) as (client, _):
        with pytest.raises(SimulationFailed, match="is it earshot"):
            await client.publish_token("lobby", ANN, expires_in_s=60)


@pytest.mark.anyio
async def test_a_missing_server_is_reported_with_the_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    async with ServerClient(f"http://127.0.0.1:{port}", "k") as client:
        with pytest.raises(SimulationFailed, match="start a server with `earshot serve`"):
            await client.create_room("lobby", "Lobby", [])


def event(number: int) -> str:
    body = json.dumps({"type": "alert.raised", "timestamp": "", "data": {"id": f"a{number}"}})
    return f"event: alert.raised\nid: {number}\ndata: {body}\n\n"


def feed(*connections: str | int) -> Handler:
    """Make a feed that sends a text per connection; only the last connection stays open.

    A number refuses the connection with this status.
    """
    left = list(connections)

    async def answer(_: Request) -> Response:
        text = left.pop(0)
        if isinstance(text, int):
            return JSONResponse({"detail": "as the test wants it"}, text)
        last = not left

        async def stream() -> AsyncIterator[str]:
            yield text
            if last:
                await asyncio.sleep(30)

        return StreamingResponse(stream(), media_type="text/event-stream")

    return answer


async def read_events(client: ServerClient, count: int) -> list[FeedEvent]:
    """Follow the feed until `count` events with data have come."""
    events: list[FeedEvent] = []
    enough = asyncio.Event()

    def add(event: FeedEvent) -> None:
        if event.data:
            events.append(event)
        if len(events) == count:
            enough.set()

    task = asyncio.create_task(client.follow(add, lambda: None))
    waiting = asyncio.create_task(enough.wait())
    await asyncio.wait([task, waiting], timeout=10, return_when=asyncio.FIRST_COMPLETED)
    for each in (task, waiting):
        each.cancel()
    await asyncio.wait([task, waiting])
    if not task.cancelled():
        task.result()
    return events


@pytest.mark.anyio
async def test_after_a_break_the_feed_resumes_behind_the_last_event_read() -> None:
    heartbeat = ": heartbeat\n"
    handler = feed("retry: 2000\nid: 4\n\n", event(5) + heartbeat + event(6), 503, event(7))
    async with answering(handler) as (client, received):
        events = await read_events(client, 3)
    assert [(each.id, each.type, each.data) for each in events] == [
        (str(n), "alert.raised", {"id": f"a{n}"}) for n in (5, 6, 7)
    ]
    cursors = [headers.get("last-event-id") for _, _, headers, _ in received.requests]
    assert cursors == [None, "4", "6", "6"]


@pytest.mark.anyio
async def test_events_carry_the_time_at_which_they_were_read() -> None:
    async with answering(feed(event(1))) as (client, _):
        before = time.monotonic()
        [first] = await read_events(client, 1)
        assert before < first.read_s <= time.monotonic()


@pytest.mark.anyio
async def test_a_feed_that_stays_away_fails_after_the_longest_wait() -> None:
    async with answering(feed(503, 503, 503)) as (client, received):
        with pytest.raises(SimulationFailed, match="could not be read for 0 s"):
            await client.follow(lambda event: None, lambda: None, patience_s=0.0)
    assert len(received.requests) == 2


@pytest.mark.anyio
async def test_a_key_that_may_not_read_the_feed_ends_it_at_once() -> None:
    async with answering(feed(403)) as (client, received):
        with pytest.raises(Refused, match="open the feed"):
            await read_events(client, 1)
    assert len(received.requests) == 1


@pytest.mark.anyio
async def test_an_event_that_is_not_json_ends_the_feed_with_a_sentence() -> None:
    async with answering(feed("event: alert.raised\ndata: {\n\n")) as (client, _):
        with pytest.raises(SimulationFailed, match="not JSON"):
            await read_events(client, 1)
