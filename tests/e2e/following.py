"""Feed of a server, followed during a test."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.server import Server

Event = dict[str, Any]


@dataclass
class Followed:
    """Events of the feed, in order."""

    events: list[Event] = field(default_factory=list)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    def of(self, type_: str, **fields: object) -> list[Event]:
        """Return the data of the events of a type whose fields have these values."""
        return [
            event["data"]
            for event in self.events
            if event["type"] == type_
            and all(event["data"].get(name) == value for name, value in fields.items())
        ]

    async def until(self, holds: Callable[[], object], seconds: float = 20.0) -> None:
        async with asyncio.timeout(seconds), self.arrived:
            await self.arrived.wait_for(holds)

    async def has(
        self, type_: str, *, count: int = 1, seconds: float = 20.0, **fields: object
    ) -> Event:
        """Wait for the `count`-th such event from the start, and return it."""
        await self.until(lambda: len(self.of(type_, **fields)) >= count, seconds)
        return self.of(type_, **fields)[count - 1]

    async def next(self, type_: str, *, seconds: float = 20.0, **fields: object) -> Event:
        """Wait for the next such event, and return it."""
        count = len(self.of(type_, **fields)) + 1
        return await self.has(type_, count=count, seconds=seconds, **fields)


@contextlib.asynccontextmanager
async def following(server: Server) -> AsyncIterator[Followed]:
    """Follow the feed, also over restarts of the server, without missing an event."""
    followed = Followed()
    begun = asyncio.Event()
    task = asyncio.create_task(_follow(server, followed, begun), name="following")
    try:
        async with asyncio.timeout(20):
            await begun.wait()
        yield followed
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _follow(server: Server, followed: Followed, begun: asyncio.Event) -> None:
    cursor = ""
    headers = {"Authorization": f"Bearer {server.key}"}
    async with httpx.AsyncClient(base_url=server.url, headers=headers, trust_env=False) as client:
        while True:
            with contextlib.suppress(httpx.TransportError):
                resume = {"Last-Event-ID": cursor} if cursor else {}
                timeout = httpx.Timeout(5, read=60)
                async with client.stream(
                    "GET", "/v1/feed", headers=resume, timeout=timeout
                ) as feed:
                    async for line in feed.aiter_lines():
                        begun.set()
                        name, _, value = line.partition(": ")
                        if name == "id":
                            cursor = value
                        elif name == "data" and value:
                            async with followed.arrived:
                                followed.events.append(json.loads(value))
                                followed.arrived.notify_all()
            await asyncio.sleep(0.1)
