"""What a server holds: compared before and after, it shows what was left behind."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import psutil

from tests.server import Server


@dataclass(frozen=True, slots=True)
class Standing:
    peers: float
    speakers: float
    tasks: float
    threads: int
    descriptors: int
    files: frozenset[str]
    rooms: int


def standing(server: Server) -> Standing:
    assert server.process is not None
    process = psutil.Process(server.process.pid)
    with server.client() as client:
        gauges = metrics(client.get("/metrics").text)
        rooms = len(client.get("/v1/rooms", params={"limit": 200}).json()["items"])
        files = frozenset(str(path.relative_to(server.data)) for path in server.data.rglob("*"))
        return Standing(
            peers=gauges["earshot_peers"],
            speakers=gauges["earshot_speakers"],
            tasks=gauges["earshot_tasks"],
            threads=process.num_threads(),
            descriptors=process.num_fds(),
            files=files,
            rooms=rooms,
        )


def warmed_up(server: Server) -> Standing:
    """What the server holds once it has opened all the database connections that it keeps."""
    with server.client() as client, ThreadPoolExecutor(16) as many:
        list(many.map(lambda _: client.get("/v1/rooms"), range(200)))
    return standing(server)


def settled(server: Server, wanted: Standing, within_s: float) -> Standing:
    """What the server holds once that is `wanted`, or at last."""
    deadline = time.monotonic() + within_s
    while (now := standing(server)) != wanted and time.monotonic() < deadline:
        time.sleep(0.2)
    return now


def metrics(text: str) -> dict[str, float]:
    """The values of the metrics page by name and labels."""
    lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}
