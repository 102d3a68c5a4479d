"""Relay on a real database and real sockets."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import pytest

from service.access.sealing import Seal
from service.clock import utc_now
from service.errors import StoreAway
from service.feed.broadcaster import Broadcaster
from service.feed.event import Event
from service.metrics import Metrics
from service.storage.engine import Database
from service.storage.event_log import SqlEventLog, append
from service.storage.webhooks import SqlWebhooks
from service.webhooks.address import Allowed, parse_allowed
from service.webhooks.delivery import Delivery
from service.webhooks.endpoint import Endpoint, EndpointState, Sealed, new_id
from service.webhooks.relay import Relay
from service.webhooks.sender import HttpSender
from service.webhooks.signing import make_secret
from tests.storage.examples import a_gap
from tests.webhooks.results import Results

LOOPBACK = parse_allowed(["127.0.0.0/8"])


@dataclass
class Running:
    database: Database
    store: SqlWebhooks
    feed: Broadcaster
    relay: Relay
    seal: Seal
    metrics: Metrics
    results: Results

    async def add(self, url: str, types: Sequence[str] = (), room: str = "*") -> Sealed:
        endpoint = Endpoint(
            id=new_id("wh"),
            url=url,
            types=tuple(types),
            room=room,
            description="",
            state=EndpointState.ENABLED,
            reason="",
            created_by="ann",
            created_at=utc_now(),
        )
        sealed = Sealed(endpoint, self.seal.close(make_secret(), endpoint.id))
        await self.store.add(sealed)
        await self.relay.refresh(endpoint.id)
        return sealed

    async def write(self, *events: Event) -> None:
        async with self.database.write() as connection:
            for event in events:
                await append(connection, event, utc_now())

    async def gaps(self, count: int, room_id: str = "lobby") -> None:
        await self.write(*(a_gap(seconds=n + 1, room_id=room_id) for n in range(count)))

    async def deliveries(self, sealed: Sealed) -> list[Delivery]:
        """Return the delivery attempts, oldest first."""
        await self.relay.flush()
        page, _ = await self.store.deliveries(sealed.endpoint.id, (), limit=1000, cursor=None)
        return [one for one, _ in page][::-1]

    async def nothing_waits(self, sealed: Sealed) -> None:
        """Wait until everything is delivered and stored."""
        async with asyncio.timeout(10):
            while True:
                commit = self.database.next_commit()
                if not (await self.store.waiting(sealed.endpoint)).events:
                    return
                await commit.wait()

    async def until(self, sealed: Sealed, count: int) -> list[Delivery]:
        """Wait for `count` attempts. Returns: all of them."""
        found: list[Delivery] = []
        async with asyncio.timeout(10):
            while len(found) < count:
                commit = self.database.next_commit()
                found = await self.deliveries(sealed)
                if len(found) < count:
                    await commit.wait()
        return found


@asynccontextmanager
async def relaying(
    database: Database,
    *,
    results: Results | None = None,
    allowed: Allowed = LOOPBACK,
    seal: Seal | None = None,
    chance: Callable[[], float] = lambda: 0.0,
    total_s: float = 20.0,
) -> AsyncIterator[Running]:
    store, metrics = SqlWebhooks(database), Metrics()
    feed = Broadcaster(SqlEventLog(database))
    sender = HttpSender(allowed, total_s=total_s)
    results = results or Results(database)
    seal = seal or Seal(secrets.token_bytes(32))
    relay = Relay(store, feed, sender, seal, metrics=metrics, clock=utc_now, chance=chance)
    tasks = [
        asyncio.create_task(_again(feed.run), name="feed"),
        asyncio.create_task(relay.run(results), name="relay"),
    ]
    try:
        yield Running(database, store, feed, relay, seal, metrics, results)
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
        await sender.close()


async def _again(run: Callable[[], Awaitable[None]]) -> None:
    """Run again after a failure of the database, as the server does."""
    while True:
        with suppress(StoreAway):
            await run()
        await asyncio.sleep(0.1)


@pytest.fixture
async def running(database: Database) -> AsyncIterator[Running]:
    async with relaying(database) as running:
        yield running
