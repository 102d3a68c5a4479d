"""A model's streams in the tests' Redis, with servers and workers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from uuid import uuid4

from asr.overload_ladder import CLIMB_S, LadderTimes
from asr.redis_queue import RedisQueue
from asr.redis_streams import Streams
from asr.speech import Transcript, Unheard, WorkClass
from asr.stream_client import QueueTimes
from asr.stream_records import StreamLimits
from asr.worker import Worker, WorkerTimes
from tests.asr.examples import an_utterance
from tests.asr.scribe import Scribe
from tests.redis import RedisServer

QUICK = WorkerTimes(claim_every_s=0.1, least_idle_s=0.5, beat_s=0.1, farewell_s=1.0)
QUICK_LADDER = LadderTimes(
    climb_s={rung: limit_s / 4 for rung, limit_s in CLIMB_S.items()}, patience_s=0.25, stay_s=0.5
)
QUICK_QUEUE = QueueTimes(overview_s=0.1, retry_s=(0.02, 0.05, 0.1))
QUICK_OVERLOAD = replace(QUICK_QUEUE, ladder=QUICK_LADDER)
"""Times for tests of overload. On a busy machine other tests would meet it by chance."""


@dataclass
class Stage:
    redis: RedisServer
    model: str = field(default_factory=lambda: f"scribe-{uuid4().hex[:8]}")
    _queues: list[RedisQueue] = field(default_factory=list)
    _streams: list[Streams] = field(default_factory=list)

    def streams(self, model: str = "") -> Streams:
        streams = Streams(self.redis.url, model or self.model)
        self._streams.append(streams)
        return streams

    async def server(
        self,
        *,
        deadline_s: float = 30.0,
        limits: StreamLimits | None = None,
        capacity: int = 100,
        times: QueueTimes = QUICK_QUEUE,
    ) -> RedisQueue:
        queue = RedisQueue(
            Streams(self.redis.url, self.model),
            self.model,
            capacity=capacity,
            deadline_s=deadline_s,
            limits=limits,
            times=times,
        )
        await queue.start()
        self._queues.append(queue)
        return queue

    def make_worker(
        self, scribe: Scribe, *, batch: int = 4, model: str = "", times: WorkerTimes = QUICK
    ) -> Worker:
        model = model or self.model
        return Worker(self.streams(model), lambda: scribe, model=model, batch=batch, times=times)

    @asynccontextmanager
    async def worker(
        self, scribe: Scribe, *, batch: int = 4, model: str = "", times: WorkerTimes = QUICK
    ) -> AsyncIterator[Worker]:
        worker = self.make_worker(scribe, batch=batch, model=model, times=times)
        running = asyncio.create_task(worker.run())
        try:
            yield worker
        finally:
            worker.stop()
            await running

    async def close(self) -> None:
        for queue in self._queues:
            await queue.close(drain_s=0)
        for streams in self._streams:
            await streams.close()


@asynccontextmanager
async def staged(redis: RedisServer) -> AsyncIterator[Stage]:
    stage = Stage(redis)
    try:
        yield stage
    finally:
        await stage.close()


async def next_results(
    queue: RedisQueue, count: int, seconds: float = 10.0
) -> list[Transcript | Unheard]:
    """Return the next `count` results."""
    found: list[Transcript | Unheard] = []
    async with asyncio.timeout(seconds):
        async for result in queue.results():
            found.append(result)
            if len(found) == count:
                break
    return found


async def until(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - another process changes it
            await asyncio.sleep(0.02)


def put(queue: RedisQueue, *ids: str, work: WorkClass = WorkClass.FINAL) -> None:
    for id_ in ids:
        queue.put(replace(an_utterance(id_), work=work))


def behind_s(queue: RedisQueue, work: WorkClass) -> float:
    """Return the wait of the oldest utterance of a class, in seconds."""
    return 0.0 if queue.overview is None else queue.overview.behind_s[work]


async def wait_until_in_redis(stage: Stage, count: int) -> None:
    streams = stage.streams()
    async with asyncio.timeout(5):
        while sum((await streams.read_overview()).waiting.values()) != count:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def wait_for_worker(queue: RedisQueue) -> None:
    """Wait until the queue knows its worker, and that it is busy."""
    await until(lambda: queue.overview is not None and bool(queue.overview.workers))
