"""Common beat for periodic work, so that the process wakes up once for all of it.

Waking up costs more than most of this work: the processor has slept and its caches are cold. With
a schedule of its own for each task, a server with twenty tracks would wake up hundreds of times a
second.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator

BEAT_S = 0.02
"""Time between beats: the length of most Opus frames (RFC 7587), so one beat for each packet."""


def next_beat(now_s: float, after_s: float = 0.0) -> float:
    """Return the time to wake up, on the event loop's clock.

    Args:
        after_s: Wanted wait, in seconds, rounded to the nearest beat; at least the next beat.
    """
    return BEAT_S * max(math.floor(now_s / BEAT_S + 0.25) + 1, round((now_s + after_s) / BEAT_S))


def until_beat(now_s: float, after_s: float = 0.0) -> float:
    """Return the seconds until `next_beat`, for `asyncio.sleep`.

    A timer that fires a moment early does not cause a second beat.
    """
    return next_beat(now_s, after_s) - now_s


_STEP_S = 0.5
"""Longest time that one step of `sleep_awake` counts, twice."""


async def sleep_awake(seconds: float) -> None:
    """Sleep without counting a time in which this process stood still.

    For time-outs of people and programs that this process could not hear meanwhile.
    """
    loop = asyncio.get_running_loop()
    while seconds > 0:
        step_s, began_s = min(_STEP_S, seconds), loop.time()
        await asyncio.sleep(step_s)
        seconds -= min(loop.time() - began_s, 2 * step_s)


@contextlib.asynccontextmanager
async def timeout_awake(seconds: float) -> AsyncIterator[None]:
    """Limit a block as `asyncio.timeout` does, without counting a time of standing still.

    What arrived in the meantime is read first.

    Raises:
        TimeoutError: The block took longer.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as limit:

        async def expire() -> None:
            await sleep_awake(seconds)
            limit.reschedule(loop.time())

        expiring = asyncio.create_task(expire(), name="timeout")
        try:
            yield
        finally:
            expiring.cancel()
