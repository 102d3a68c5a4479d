"""What lanes did, written down in groups.

A lane goes on before its progress is on record: a crash in between repeats some messages under the
ids they had. While the database is away the notes wait here, and lanes wait once there are many.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import structlog

from service.errors import StoreAway
from service.webhooks.delivery import Delivery
from service.webhooks.ports import Lane, WebhookStore

log = structlog.get_logger()

GATHER_S = 0.1
LAZY_S = 10.0
"""A lane that only walks past events nobody wants is written down this often."""
MOST_WAITING = 1_000
_RETRY_S = 1.0


class Ledger:
    """
    Args:
        failed: Told of each time that nothing could be written.
    """

    def __init__(self, store: WebhookStore, *, failed: Callable[[], None] = lambda: None) -> None:
        self._store = store
        self._failed = failed
        self._lanes: dict[str, Lane] = {}
        self._deliveries: list[Delivery] = []
        self._news = asyncio.Event()
        self._room = asyncio.Condition()
        self._writing = asyncio.Lock()

    async def note(self, lane: Lane, delivery: Delivery) -> None:
        """Waits while too much is unwritten."""
        async with self._room:
            await self._room.wait_for(lambda: len(self._deliveries) < MOST_WAITING)
            self._lanes[lane.id] = lane
            self._deliveries.append(delivery)
        self._news.set()

    def walked(self, lane: Lane) -> None:
        """It has come further, and nothing was sent."""
        self._lanes[lane.id] = lane

    async def run(self) -> None:
        """Write, until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LAZY_S):
                    await self._news.wait()
            await asyncio.sleep(GATHER_S)
            try:
                await self.flush()
            except Exception as error:
                self._failed()
                log.warning("webhooks.not_written", error=type(error).__name__)
                if not isinstance(error, StoreAway):
                    log.exception("webhooks.write_failed")
                await asyncio.sleep(_RETRY_S)

    async def flush(self) -> None:
        """Write all there is. What cannot be written is kept for the next time.

        Whoever is cancelled meanwhile waits for it all the same: a transaction that is broken off
        may hold SQLite's lock for a while.
        """
        writing = asyncio.create_task(self._write(), name="webhooks writing")
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.wait([writing])
            if not writing.cancelled():
                writing.exception()  # what could not be written stays noted
            raise

    async def _write(self) -> None:
        async with self._writing:
            self._news.clear()
            lanes, tried = self._lanes, self._deliveries[:]
            self._lanes = {}
            try:
                if lanes or tried:
                    await self._store.write(list(lanes.values()), tried)
            except BaseException:
                self._lanes = lanes | self._lanes
                self._news.set()
                raise
            async with self._room:
                del self._deliveries[: len(tried)]
                self._room.notify_all()
