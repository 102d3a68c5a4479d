"""Benchmark of a real Janus: time until a room is listened to, also after either side was killed.

Run it with `python -m tests.rooms.janus.bench`. A separate client of the feed takes the times.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import httpx

from tests.e2e.following import Followed, following
from tests.janus import HOOK_SECRET, ROOM_SECRET, Janus
from tests.server import Server

ROOMS = ("stage", "hall", "cellar", "attic")
BEGUN_BAR_S = 1.0
BACK_BAR_S = 10.0
BEGINNINGS, KILLS = 20, 3


async def time_beginnings(server: Server, janus: Janus, feed: Followed) -> list[float]:
    """Return the seconds from the event handler's call until each room is heard."""
    durations_s = []
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as http:
        for number in range(BEGINNINGS):
            room = f"bench-{number}"
            janus.make_room(room)
            data = {"event": "published", "room": room, "id": "ann"}
            inner = {"plugin": "janus.plugin.videoroom", "data": data}
            event = {"emitter": "janus", "type": 64, "event": inner}
            began_s = time.monotonic()
            called = await http.post("/v1/hooks/janus", json=[event], auth=("janus", HOOK_SECRET))
            assert called.json()["opened"] == 1, called.text
            await feed.has("room.state", id=f"janus:{room}", state="listening")
            durations_s.append(time.monotonic() - began_s)
            janus.ask({"request": "destroy", "room": room, "secret": ROOM_SECRET})
            await feed.has("room.left", id=f"janus:{room}")
    return durations_s


async def time_returns(
    server: Server, janus: Janus, feed: Followed, killed: Server | Janus
) -> list[float]:
    """Return the seconds, for each kill, from the restart until all rooms are heard again."""
    durations_s = []
    for _ in range(KILLS):
        before = {room: len(_heard(feed, room)) for room in ROOMS}
        killed.kill()
        await asyncio.sleep(8)
        await asyncio.to_thread(killed.start)
        began_s = time.monotonic()
        for room in ROOMS:
            count = before[room] + 1
            await feed.has("room.state", id=room, state="listening", count=count, seconds=60)
        durations_s.append(time.monotonic() - began_s)
    return durations_s


def _heard(feed: Followed, room: str) -> Sequence[object]:
    return feed.of("room.state", id=room, state="listening")


def print_row(name: str, seconds: Sequence[float], bar_s: float) -> bool:
    worst = max(seconds)
    holds = worst <= bar_s
    sys.stdout.write(
        f"{name}: p50 {statistics.median(seconds):.3f} s, max {worst:.3f} s of {len(seconds)}, "
        f"bar {bar_s:g} s, {'holds' if holds else 'does not hold'}\n"
    )
    return holds


async def main() -> int:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        janus = stack.enter_context(Janus(rooms=ROOMS))
        server = stack.enter_context(
            Server(
                folder / "server",
                EARSHOT_JANUS=janus.ws_url,
                EARSHOT_JANUS_ROOM_SECRET=ROOM_SECRET,
                EARSHOT_JANUS_HOOK_SECRET=HOOK_SECRET,
                EARSHOT_LISTEN_TO="janus:*",
            )
        )
        async with following(server) as feed:
            begun = await time_beginnings(server, janus, feed)
            with server.client() as client:
                for room in ROOMS:
                    body = {"id": room, "connector": {"kind": "janus", "room": room}}
                    assert client.post("/v1/rooms", json=body).status_code == 201
            for room in ROOMS:
                await feed.has("room.state", id=room, state="listening")
            after_janus = await time_returns(server, janus, feed, janus)
            after_server = await time_returns(server, janus, feed, server)
    rows = (
        print_row("event handler's call to listening", begun, BEGUN_BAR_S),
        print_row(f"Janus killed, its return to {len(ROOMS)} rooms heard", after_janus, BACK_BAR_S),
        print_row(
            f"earshot killed, its return to {len(ROOMS)} rooms heard", after_server, BACK_BAR_S
        ),
    )
    return 0 if all(rows) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
