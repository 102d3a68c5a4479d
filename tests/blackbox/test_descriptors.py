"""Many idle connections do not take the file descriptors that speakers need."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from service.simulation.run import simulate_room
from service.simulation.script import DEMO_SCRIPT, Line, Script, ScriptedSpeaker
from tests.e2e.resources import metrics
from tests.server import Server

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(shutil.which("prlimit") is None, reason="LOUD: prlimit is missing"),
]

IDLE = 300
LOG_BYTES = 20_000
"""Most bytes of log for a server's whole life in these tests."""
SAID = "send me your gift card codes"
LINE = Line(0.2, DEMO_SCRIPT.parent / "mallory-gift-card.opus", SAID, alerts=True)
SCRIPT = Script(
    "A test", tuple(ScriptedSpeaker(name, name, (LINE,)) for name in ("mallory", "trudy"))
)


@contextlib.asynccontextmanager
async def idle_connections(server: Server, count: int) -> AsyncIterator[None]:
    """Hold connections that send nothing, and open each again when the server closes it."""
    parts = urlsplit(server.url)
    assert parts.hostname is not None
    address = (parts.hostname, parts.port)
    opened = asyncio.Semaphore(0)
    loop = asyncio.get_running_loop()

    async def hold(number: int) -> None:
        while True:
            with contextlib.suppress(OSError), socket.socket() as idle:
                idle.setblocking(False)
                await loop.sock_connect(idle, address)
                opened.release()
                while await loop.sock_recv(idle, 4096):
                    pass
            await asyncio.sleep(2 + number % 30 / 10)

    async with asyncio.TaskGroup() as tasks:
        holding = [tasks.create_task(hold(number)) for number in range(count)]
        try:
            for _ in range(count):
                await opened.acquire()
            yield
        finally:
            for task in holding:
                task.cancel()


def warnings(server: Server) -> list[dict[str, object]]:
    lines = server.log_file.read_text().splitlines()
    return [line for text in lines if (line := json.loads(text))["level"] != "info"]


def open_files_of(pid: int) -> list[str]:
    """Return the soft and the hard limit of open files of a process."""
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
    return next(line for line in lines if line.startswith("Max open files")).split()[3:5]


async def test_speech_goes_on_in_time_beside_300_idle_connections(tmp_path: Path) -> None:
    limited = ["prlimit", "--nofile=160:160", "--"]
    with Server(tmp_path / "data", prefix=limited) as server:
        async with idle_connections(server, IDLE):
            report = await simulate_room(server.url, server.key, "lobby", SCRIPT)
        assert report.ok, report
        assert server.log_file.stat().st_size < LOG_BYTES
        loud = [line for line in warnings(server) if line["event"] != "asr.demo_model"]
        assert [line["event"] for line in loud] == ["http.connections_refused"], "one warning"
        assert loud[0]["idle"], "it says how many"
        async with asyncio.timeout(30):
            while True:
                with server.client() as client:
                    found = metrics(client.get("/metrics").text)
                if found["earshot_http_connections"] == 1:
                    break
                await asyncio.sleep(0.1)
        assert found['earshot_http_connections_closed_total{why="idle"}'] >= IDLE / 2


async def test_the_limit_is_raised_to_what_the_system_allows(tmp_path: Path) -> None:
    limited = ["prlimit", "--nofile=100:4000", "--"]
    with Server(tmp_path / "data", prefix=limited) as server:
        assert server.process is not None
        assert open_files_of(server.process.pid) == ["4000", "4000"]
