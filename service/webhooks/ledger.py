"""Buffer of delivery attempts and progress, which are written in groups.

A queue goes on before its progress is stored. After a crash in between, some messages are sent
again under the same ids. While the database is unavailable the attempts wait here; when there are
many, the queues wait too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import structlog

from service.errors import StoreAway
from service.webhooks.delivery import Delivery
from service.webhooks.ports import DeliveryQueue, WebhookStore

log = structlog.get_logger()

GATHER_S = 0.1
LAZY_S = 10.0
"""Time between writes of a cursor that moves only past excluded events."""
MOST_WAITING = 1_000
_RETRY_S = 1.0


class Ledger:
    """Buffer in front of the webhook store.

    Args:
        failed: Called each time that a write fails.
    """

    def __init__(self, store: WebhookStore, *, failed: Callable[[], None] = lambda: None) -> None:
        self._store = store
        self._failed = failed
        self._queues: dict[str, DeliveryQueue] = {}
        self._deliveries: list[Delivery] = []
        self._news = asyncio.Event()
        self._room = asyncio.Condition()
        self._writing = asyncio.Lock()

    async def record_attempt(self, queue: DeliveryQueue | None, delivery: Delivery) -> None:
        """Add a delivery attempt and the progress of its queue; wait while the buffer is full.

        Args:
            queue: None for an attempt outside every queue.
        """
        async with self._room:
            await self._room.wait_for(lambda: len(self._deliveries) < MOST_WAITING)
            if queue is not None:
                self._queues[queue.id] = queue
            self._deliveries.append(delivery)
        self._news.set()

    def advance(self, queue: DeliveryQueue) -> None:
        """Set the progress of a queue that moved without an attempt."""
        self._queues[queue.id] = queue

    async def run(self) -> None:
        """Write until cancelled."""
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
        """Write the whole buffer. What cannot be written stays for the next time.

        A cancelled caller still waits for the end of the write: an interrupted transaction may
        hold SQLite's lock for a while.
        """
        writing = asyncio.create_task(self._write(), name="webhooks writing")
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.wait([writing])
            if not writing.cancelled():
                writing.exception()  # unwritten entries stay in the buffer
            raise

    async def _write(self) -> None:
        async with self._writing:
            self._news.clear()
            queues, tried = self._queues, self._deliveries[:]
            self._queues = {}
            try:
                if queues or tried:
                    await self._store.write(list(queues.values()), tried)
            except BaseException:
                self._queues = queues | self._queues
                self._news.set()
                raise
            async with self._room:
                del self._deliveries[: len(tried)]
                self._room.notify_all()
