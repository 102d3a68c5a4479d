from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from httpx import AsyncClient, Limits, Timeout

from service.access.keys import Role, digest_of, make_key
from service.access.parts import ACCESS
from service.clock import Clock, utc_now
from service.errors import Problem
from service.feed.broadcaster import Broadcaster, EventFilter
from service.feed.routes import FEED, blocks, router
from service.feed.sse import HEARTBEAT, opening
from service.rooms.room import SpeakerLevels
from service.storage.engine import Database
from service.storage.event_log import SqlEventLog, append
from service.storage.expiry import expire
from service.storage.keys import SqlKeys
from tests.access.parts import access_on
from tests.storage.examples import NOW, a_gap, a_transcript

pytestmark = pytest.mark.anyio


class Server(uvicorn.Server):
    """Server that closes the streams first, as the owner of the feed must."""

    def __init__(self, app: FastAPI, broadcaster: Broadcaster, *, grace_s: int | None) -> None:
        config = uvicorn.Config(
            app, log_config=None, lifespan="off", timeout_graceful_shutdown=grace_s
        )
        super().__init__(config)
        self._broadcaster = broadcaster

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._broadcaster.close()
        await super().shutdown(sockets)


@dataclass
class Running:
    broadcaster: Broadcaster
    client: AsyncClient
    port: int
    key: str
    server: Server
    serving: asyncio.Task[None]

    @asynccontextmanager
    async def stream(self, url: str = "/v1/feed", **headers: str) -> AsyncIterator[Stream]:
        async with self.client.stream("GET", url, headers=headers) as response:
            assert response.status_code == 200
            assert response.headers["content-type"].startswith("text/event-stream")
            assert response.headers["cache-control"] == "no-store"
            assert response.headers["x-accel-buffering"] == "no"
            yield Stream(response.aiter_lines())


class Stream:
    """Reader of blocks: lists of lines up to an empty one."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines

    async def block(self) -> dict[str, str]:
        found: dict[str, str] = {}
        async with asyncio.timeout(5):
            async for line in self._lines:
                if not line:
                    break
                name, _, value = line.partition(": ")
                found[name] = value
        return found

    async def event(self) -> tuple[str, str | None, dict[str, Any]]:
        block = await self.block()
        return block["event"], block.get("id"), json.loads(block["data"])


@dataclass(frozen=True)
class Parts:
    broadcaster: Broadcaster
    clock: Clock = utc_now


async def answer(_request: Request, problem: Exception) -> JSONResponse:
    assert isinstance(problem, Problem)
    content = {"title": problem.title, "detail": problem.detail}
    return JSONResponse(content, problem.status, problem.headers)


def make_app(database: Database, broadcaster: Broadcaster) -> FastAPI:
    app = FastAPI(exception_handlers={Problem: answer})
    app.include_router(router)
    ACCESS.provide(app, access_on(database, utc_now))
    FEED.provide(app, Parts(broadcaster))
    return app


@asynccontextmanager
async def run(database: Database, *, grace_s: int | None = None) -> AsyncIterator[Running]:
    key, secret = make_key("Ob", Role.OBSERVER, NOW)
    await SqlKeys(database).add(key, digest_of(secret))
    broadcaster = Broadcaster(SqlEventLog(database))
    server = Server(make_app(database, broadcaster), broadcaster, grace_s=grace_s)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        following = asyncio.create_task(broadcaster.run())
        serving = asyncio.create_task(server.serve([listener]))
        client = AsyncClient(
            base_url=f"http://127.0.0.1:{port}",
            headers={"Authorization": f"Bearer {secret}"},
            timeout=Timeout(5),
            limits=Limits(max_keepalive_connections=0),
        )
        async with client:
            yield Running(broadcaster, client, port, secret, server, serving)
        server.should_exit = True
        await serving
        following.cancel()
        await asyncio.wait([following])


@pytest.fixture
async def running(database: Database) -> AsyncIterator[Running]:
    async with run(database) as running:
        yield running


async def write(database: Database, count: int = 1) -> None:
    async with database.write() as connection:
        for _ in range(count):
            await append(connection, a_gap(), NOW)


async def test_the_first_connection_starts_now_and_says_where_that_is(
    running: Running, database: Database
) -> None:
    await write(database, 3)
    async with running.stream() as stream:
        assert await stream.block() == {"retry": "2000", "id": "3"}
        await write(database)
        type_, cursor, body = await stream.event()
    assert (type_, cursor) == ("audio.gap", "4")
    assert body["type"] == "audio.gap"
    assert body["timestamp"] == "2026-05-17T12:00:00.123Z"
    assert body["data"]["reason"] == "restart"


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/v1/feed?since=1", {}),
        ("/v1/feed", {"Last-Event-ID": "1"}),
        ("/v1/feed?since=0", {"Last-Event-ID": "1"}),
    ],
)
async def test_a_client_goes_on_behind_its_cursor(
    running: Running, database: Database, path: str, headers: dict[str, str]
) -> None:
    await write(database, 3)
    async with running.stream(path, **headers) as stream:
        assert (await stream.block())["id"] == "1"
        assert [(await stream.event())[1] for _ in range(2)] == ["2", "3"]


async def test_a_silent_feed_sends_heartbeats(database: Database) -> None:
    broadcaster = Broadcaster(SqlEventLog(database))
    async with aclosing(
        blocks(broadcaster, utc_now, 0, EventFilter(), always, heartbeat_s=0.01)
    ) as sent:
        assert [await anext(sent) for _ in range(3)] == [opening(0), HEARTBEAT, HEARTBEAT]
    assert broadcaster.subscribers == 0


async def always() -> bool:
    return True


async def test_nothing_more_is_sent_to_a_client_whose_key_has_been_revoked(
    database: Database,
) -> None:
    broadcaster = Broadcaster(SqlEventLog(database))
    answers = iter([True, False])

    async def allowed() -> bool:
        return next(answers)

    sending = blocks(
        broadcaster, utc_now, 0, EventFilter(), allowed, heartbeat_s=0.01, check_every_s=0.0
    )
    assert [block async for block in sending] == [opening(0), HEARTBEAT]
    assert broadcaster.subscribers == 0


async def test_a_feed_ends_when_its_key_is_revoked(running: Running, database: Database) -> None:
    keys = SqlKeys(database)
    made, secret = make_key("leaver", Role.OBSERVER, utc_now())
    await keys.add(made, digest_of(secret))
    async with running.stream(Authorization=f"Bearer {secret}") as stream:
        await stream.block()
        await keys.revoke(made.id, utc_now())
        async with asyncio.timeout(15):
            while True:  # ends at the first block after the check is due
                running.broadcaster.send_live(SpeakerLevels("lobby", {"ann": -20.0}), utc_now())
                if not await stream.block():
                    break
                await asyncio.sleep(0.1)


async def test_levels_come_without_a_cursor(running: Running) -> None:
    async with running.stream() as stream:
        await stream.block()
        running.broadcaster.send_live(SpeakerLevels("lobby", {"ann": -20.0}), NOW)
        type_, cursor, body = await stream.event()
    assert (type_, cursor, body["data"]["levels_dbfs"]) == ("speaker.levels", None, {"ann": -20.0})


async def test_rooms_and_types_are_filtered(running: Running, database: Database) -> None:
    await write(database, 2)
    async with database.write() as connection:
        await append(connection, a_gap(room_id="bar"), NOW)
    url = "/v1/feed?since=0&room=bar&types=audio.gap,alert.raised&types=room.left"
    async with running.stream(url) as stream:
        await stream.block()
        assert (await stream.event())[1] == "3"


async def test_a_cursor_older_than_retention_gets_a_reset_and_then_what_is_new(
    database: Database,
) -> None:
    await write(database, 2)
    later = utc_now().replace(year=utc_now().year + 1)
    await expire(database, later, talk_hours=24, alert_days=30)
    async with run(database) as running, running.stream("/v1/feed?since=1") as stream:
        await stream.block()
        type_, cursor, body = await stream.event()
        assert (type_, cursor, body["data"]) == ("feed.reset", "2", {"missed_from": 1})
        await write(database)
        assert (await stream.event())[1] == "3"


@pytest.mark.parametrize("cursor", ["-1", "x", "1.5", "²", "9" * 19, "1 ", "0x1"])
async def test_a_cursor_that_is_none_is_a_400(running: Running, cursor: str) -> None:
    refused = await running.client.get("/v1/feed", params={"since": cursor})
    assert refused.status_code == 400
    assert "`since` must be the `id`" in refused.json()["detail"]


async def test_an_unknown_type_is_refused_with_the_known_ones(running: Running) -> None:
    refused = await running.client.get("/v1/feed", params={"types": "alert.raised,alert.rased"})
    assert refused.status_code == 422
    assert "`types` has 'alert.rased'; the types are action.done, " in refused.json()["detail"]


async def test_without_a_key_there_is_no_feed(running: Running) -> None:
    refused = await running.client.get("/v1/feed", headers={"Authorization": ""})
    assert refused.status_code == 401


async def test_a_client_that_goes_away_is_forgotten(running: Running) -> None:
    for _ in range(3):
        async with running.stream() as stream:
            await stream.block()
            assert running.broadcaster.subscribers == 1
        for _ in range(200):
            if not running.broadcaster.subscribers:
                break
            await asyncio.sleep(0.01)
        assert running.broadcaster.subscribers == 0


async def test_open_streams_do_not_hold_the_server_when_it_stops(running: Running) -> None:
    async with running.stream() as one, running.stream() as other:
        await one.block()
        await other.block()
        running.server.should_exit = True
        async with asyncio.timeout(1.5):
            await running.serving
        assert await one.block() == {}


async def test_a_client_that_reads_nothing_holds_neither_memory_nor_the_end(
    database: Database,
) -> None:
    async with run(database, grace_s=1) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port, limit=1024)
        request = f"GET /v1/feed?since=0 HTTP/1.1\r\nHost: e\r\nAuthorization: Bearer {running.key}"
        writer.write(f"{request}\r\n\r\n".encode())
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
        async with running.stream() as stream:
            await stream.block()
            long = a_transcript(text="blah " * 1500)
            async with database.write() as connection:
                for _ in range(1500):
                    await append(connection, long, NOW)
            for expected in range(1, 1501):
                assert (await stream.event())[1] == str(expected)
        running.server.should_exit = True
        async with asyncio.timeout(4):
            await running.serving
        writer.close()
