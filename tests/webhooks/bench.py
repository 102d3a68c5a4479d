"""Latency of a healthy receiver beside bad ones, and the speed at which a queue drains.

`python -m tests.webhooks.bench` runs the relay on SQLite in this process and the healthy receiver
in another, so that both cores are used as they are in service.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime

from service.clock import utc_now
from service.storage.event_log import append
from service.storage.schema import open_database
from service.webhooks.delivery import Outcome
from tests.storage.examples import a_gap
from tests.webhooks.conftest import Running, relaying
from tests.webhooks.receivers import (
    answers,
    closes,
    never_ends,
    receiver,
    says_nothing,
    talks_rubbish,
)

LATENCY_BAR_S = 1.0
DRAIN_BAR = 200.0
BAD = {
    "slow": answers(200, after_s=15),
    "dead": says_nothing,
    "500": answers(500),
    "429": answers(429, Retry_After="1"),
    "redirecting": answers(302, Location="http://127.0.0.1:1/"),
    "closing early": closes,
    "talking rubbish": talks_rubbish,
    "410": answers(410),
    "10 GB": never_ends,
}

_RECEIVER = """
import asyncio, sys, time
async def serve(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\\r\\n\\r\\n")
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\\r\\n")[0])
            body = await reader.readexactly(length)
            id_ = head.lower().partition(b"webhook-id: ")[2].split(b"\\r\\n")[0]
            sys.stdout.write(f"{time.time()} {id_.decode()} {body.decode()}\\n")
            sys.stdout.flush()
            writer.write(b"HTTP/1.1 204 No Content\\r\\n\\r\\n")
    except asyncio.IncompleteReadError:
        writer.close()
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


class Healthy:
    """Receiver in a process of its own, with the times of its calls."""

    def __init__(self, process: asyncio.subprocess.Process, url: str) -> None:
        self.url = url
        self._process = process

    async def calls(self, count: int) -> list[tuple[float, str, datetime]]:
        """Return the arrival (Unix seconds), `webhook-id` and event's time of each call."""
        assert self._process.stdout is not None
        found = []
        for _ in range(count):
            at, id_, body = (await self._process.stdout.readline()).decode().split(" ", 2)
            written = datetime.fromisoformat(json.loads(body)["timestamp"])
            found.append((float(at), id_, written))
        return found


@asynccontextmanager
async def healthy() -> AsyncIterator[Healthy]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _RECEIVER, stdout=asyncio.subprocess.PIPE, limit=1 << 20
    )
    assert process.stdout is not None
    try:
        port = int(await process.stdout.readline())
        yield Healthy(process, f"http://127.0.0.1:{port}/")
    finally:
        process.terminate()
        await process.wait()


async def latencies(running: Running, events: int, every_s: float) -> Sequence[float]:
    """Return the seconds from commit to the healthy receiver, beside every bad kind."""
    async with AsyncExitStack() as stack:
        there = await stack.enter_async_context(healthy())
        for behave in BAD.values():
            await running.add((await stack.enter_async_context(receiver(behave))).url)
        await running.add(there.url)
        reading = asyncio.create_task(there.calls(events), name="healthy")
        for _ in range(events):
            await running.gaps(1)
            await asyncio.sleep(every_s)
        async with asyncio.timeout(30):
            calls = await reading
        assert len({id_ for _, id_, _ in calls}) == events
        return [at - written.timestamp() for at, _, written in calls]


async def drain(running: Running, pending: int) -> float:
    """Return the events a second for one endpoint with a backlog, in order, each attempt stored."""
    async with healthy() as there:
        sealed = await running.add(there.url)
        async with running.database.write() as connection:
            for _ in range(pending):
                await append(connection, a_gap(), utc_now())
        began = time.monotonic()
        calls = await there.calls(pending)
        await running.nothing_waits(sealed)
        took_s = time.monotonic() - began
        assert len({id_ for _, id_, _ in calls}) == pending
        page, _ = await running.store.deliveries(
            sealed.endpoint.id, [Outcome.DELIVERED], limit=pending, cursor=None
        )
        assert len(page) == pending
        return pending / took_s


def p95(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


async def main() -> None:
    print(f"{datetime.now(UTC):%Y-%m-%d}, SQLite, healthy receiver in a process of its own")  # noqa: T201
    with tempfile.TemporaryDirectory() as folder:
        database = await open_database(f"sqlite:///{folder}/a.db")
        async with relaying(database) as running:
            found = await latencies(running, 300, 0.05)
        await database.close()
        database = await open_database(f"sqlite:///{folder}/b.db")
        async with relaying(database) as running:
            rate = await drain(running, 10_000)
        await database.close()
    print(  # noqa: T201
        f"commit to delivery beside {len(BAD)} bad receivers: p50 {statistics.median(found):.3f} s,"
        f" p95 {p95(found):.3f} s, max {max(found):.3f} s (bar: p95 <= {LATENCY_BAR_S} s)"
    )
    print(f"10,000 pending: {rate:.0f}/s (bar: >= {DRAIN_BAR:.0f}/s)")  # noqa: T201
    sys.exit(0 if p95(found) <= LATENCY_BAR_S and rate >= DRAIN_BAR else 1)


if __name__ == "__main__":
    asyncio.run(main())
