"""How soon a room of a real Janus is listened to: when it begins, and after either side was killed.

`python -m tests.rooms.janus.bench`; times are from the feed's point of view, a client of its own.
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


async def begin(server: Server, janus: Janus, feed: Followed) -> list[float]:
    """Seconds from the event handler's call to the room being heard, room by room."""
    found = []
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
            found.append(time.monotonic() - began_s)
            janus.ask({"request": "destroy", "room": room, "secret": ROOM_SECRET})
            await feed.has("room.left", id=f"janus:{room}")
    return found


async def back(server: Server, janus: Janus, feed: Followed, killed: Server | Janus) -> list[float]:
    """Seconds from its answering again to the last of all rooms being heard, kill by kill."""
    found = []
    for _ in range(KILLS):
        before = {room: len(_heard(feed, room)) for room in ROOMS}
        killed.kill()
        await asyncio.sleep(8)
        await asyncio.to_thread(killed.start)
        began_s = time.monotonic()
        for room in ROOMS:
            count = before[room] + 1
            await feed.has("room.state", id=room, state="listening", count=count, seconds=60)
        found.append(time.monotonic() - began_s)
    return found


def _heard(feed: Followed, room: str) -> Sequence[object]:
    return feed.of("room.state", id=room, state="listening")


def row(name: str, seconds: Sequence[float], bar_s: float) -> bool:
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
            begun = await begin(server, janus, feed)
            with server.client() as client:
                for room in ROOMS:
                    body = {"id": room, "connector": {"kind": "janus", "room": room}}
                    assert client.post("/v1/rooms", json=body).status_code == 201
            for room in ROOMS:
                await feed.has("room.state", id=room, state="listening")
            after_janus = await back(server, janus, feed, janus)
            after_server = await back(server, janus, feed, server)
    rows = (
        row("event handler's call to listening", begun, BEGUN_BAR_S),
        row(f"Janus killed, its return to {len(ROOMS)} rooms heard", after_janus, BACK_BAR_S),
        row(f"earshot killed, its return to {len(ROOMS)} rooms heard", after_server, BACK_BAR_S),
    )
    return 0 if all(rows) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
