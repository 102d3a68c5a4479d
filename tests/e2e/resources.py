"""Resources of a server, to compare before and after a test."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import psutil

from tests.server import Server


@dataclass(frozen=True, slots=True)
class Resources:
    peers: float
    speakers: float
    tasks: float
    threads: int
    descriptors: int
    files: frozenset[str]
    rooms: int


def resources_of(server: Server) -> Resources:
    """Measure the resources that the server uses now."""
    assert server.process is not None
    process = psutil.Process(server.process.pid)
    with server.client() as client:
        gauges = metrics(client.get("/metrics").text)
        rooms = len(client.get("/v1/rooms", params={"limit": 200}).json()["items"])
        files = frozenset(str(path.relative_to(server.data)) for path in server.data.rglob("*"))
        return Resources(
            peers=gauges["earshot_peers"],
            speakers=gauges["earshot_speakers"],
            tasks=gauges["earshot_tasks"],
            threads=process.num_threads(),
            descriptors=process.num_fds(),
            files=files,
            rooms=rooms,
        )


def resources_after_warm_up(server: Server) -> Resources:
    """Measure the resources after the server has opened all its database connections."""
    with server.client() as client, ThreadPoolExecutor(16) as many:
        list(many.map(lambda _: client.get("/v1/rooms"), range(200)))
    return resources_of(server)


def wait_for_resources(server: Server, wanted: Resources, within_s: float) -> Resources:
    """Return the resources once they equal `wanted`, or after `within_s`."""
    deadline = time.monotonic() + within_s
    while (now := resources_of(server)) != wanted and time.monotonic() < deadline:
        time.sleep(0.2)
    return now


def metrics(text: str) -> dict[str, float]:
    """Return the values of the metrics page by name and labels."""
    lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}
