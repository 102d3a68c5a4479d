"""Loops that run again after a failure, and their end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine
from typing import Any

import structlog

from service.errors import StoreAway
from service.metrics import Metrics

log = structlog.get_logger()

_RETRY_S = 1.0


async def run_again(
    name: str, run: Callable[[], Coroutine[Any, Any, None]], metrics: Metrics
) -> None:
    """Run a loop again after each failure (a database that is away); log and count it."""
    while True:
        try:
            await run()
        except StoreAway:
            metrics.failures.labels(name).inc()
            log.warning("loop.store_away", loop=name)
        except Exception:
            metrics.failures.labels(name).inc()
            log.exception("loop.failed", loop=name)
        await asyncio.sleep(_RETRY_S)


async def cancel_all(tasks: Collection[asyncio.Task[None]]) -> None:
    """Cancel the tasks and wait until they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
