"""Each kind of work queue, with a transcriber behind it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol
from uuid import uuid4

from asr.local_queue import LocalQueue
from asr.redis_queue import RedisQueue
from asr.redis_streams import Streams
from asr.scheduler import SchedulerSettings
from asr.speech import Transcript, Unheard
from asr.stream_records import StreamLimits
from asr.work_queue import WorkQueue
from asr.worker import Worker, WorkerTimes
from tests.asr.redis_stage import QUICK_QUEUE
from tests.asr.scribe import Scribe
from tests.redis import RedisServer

QUICK = WorkerTimes(claim_every_s=0.1, least_idle_s=0.5, beat_s=0.1, farewell_s=1.0)


class ClosedQueue(WorkQueue, Protocol):
    async def close(self, drain_s: float = 2.0) -> None: ...


class QueueMaker(Protocol):
    """Makes queues of one kind."""

    async def start(self, scribe: Scribe, *, capacity: int = 100, batch: int = 8) -> ClosedQueue:
        """Return a started queue whose utterances `scribe` transcribes."""
        ...

    async def close_all(self) -> None:
        """Close the queues made so far."""
        ...


class InProcess:
    def __init__(self) -> None:
        self._made: list[LocalQueue] = []

    async def start(self, scribe: Scribe, *, capacity: int = 100, batch: int = 8) -> ClosedQueue:
        settings = SchedulerSettings(capacity=capacity, batch_size=batch)
        queue = LocalQueue(lambda: scribe, settings=settings)
        await queue.start()
        self._made.append(queue)
        return queue

    async def close_all(self) -> None:
        while self._made:
            await self._made.pop().close()


class OverRedis:
    """Makes queues over Redis, each with its own streams and a worker in this process."""

    def __init__(self, redis: RedisServer) -> None:
        self._redis = redis
        self._queues: list[RedisQueue] = []
        self._workers: list[tuple[Worker, Streams, asyncio.Task[None]]] = []

    async def start(self, scribe: Scribe, *, capacity: int = 100, batch: int = 8) -> ClosedQueue:
        model = f"scribe-{uuid4().hex[:8]}"
        queue = RedisQueue(
            Streams(self._redis.url, model),
            model,
            capacity=capacity,
            deadline_s=30,
            times=QUICK_QUEUE,
            limits=StreamLimits(entries=capacity),
        )
        await queue.start()
        self._queues.append(queue)
        streams = Streams(self._redis.url, model)
        worker = Worker(streams, lambda: scribe, model=model, batch=batch, times=QUICK)
        self._workers.append((worker, streams, asyncio.create_task(worker.run())))
        async with asyncio.timeout(5):
            while queue.unready():  # noqa: ASYNC110 - Redis reports it
                await asyncio.sleep(0.02)
        return queue

    async def close_all(self) -> None:
        while self._queues:
            await self._queues.pop().close()
        while self._workers:
            worker, streams, running = self._workers.pop()
            worker.stop()
            await running
            await streams.close()


@asynccontextmanager
async def queue_maker(kind: str, redis: RedisServer | None) -> AsyncIterator[QueueMaker]:
    made: QueueMaker = InProcess() if redis is None else OverRedis(redis)
    try:
        yield made
    finally:
        await made.close_all()


async def collect_results(queue: WorkQueue) -> list[Transcript | Unheard]:
    return [result async for result in queue.results()]


FOREVER = math.inf
