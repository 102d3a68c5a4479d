"""Queues in this process, for tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from asr.local_queue import LocalQueue
from asr.scheduler import SchedulerSettings
from asr.speech import Transcript, Unheard
from asr.transcriber import Transcriber
from tests.asr.examples import an_utterance


def a_queue(
    load: Callable[[], Transcriber],
    *,
    capacity: int = 100,
    batch_size: int = 8,
    lanes: int = 1,
    deadline_s: float = 30.0,
) -> LocalQueue:
    settings = SchedulerSettings(
        capacity=capacity, batch_size=batch_size, lanes=lanes, deadline_s=deadline_s
    )
    return LocalQueue(load, settings=settings)


def put(queue: LocalQueue, *ids: str) -> None:
    for id_ in ids:
        queue.put(an_utterance(id_))


async def collect_results(queue: LocalQueue) -> list[Transcript | Unheard]:
    return [result async for result in queue.results()]


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - another thread changes it
            await asyncio.sleep(0.005)
