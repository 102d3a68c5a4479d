"""Check that the database takes a write, cheap enough for a probe every second.

Any number of callers share one write, and its success is good for `GOOD_FOR_S`. A database that
does not answer holds up no caller for more than `PATIENCE_S`, and never more than one task.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from service.errors import StoreAway

log = structlog.get_logger()

GOOD_FOR_S = 1.0
"""Age up to which a success is reported again, in seconds."""
PATIENCE_S = 2.0
"""Longest wait of a caller, in seconds."""

_SLOW = (
    f"the database has not taken a write within {PATIENCE_S:g} s; see whether another program "
    "holds it or its disk is overloaded"
)


class Probe:
    """Shared check of a database.

    Args:
        write: Function that writes once and returns why the database cannot be used, with the
            remedy; empty if it can.
        now_s: Clock, in seconds; its origin does not matter.
    """

    def __init__(
        self,
        write: Callable[[], Awaitable[str]],
        *,
        now_s: Callable[[], float] | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._write = write
        self._now_s = now_s
        self._patience_s = patience_s
        self._why = ""
        self._written_s = float("-inf")
        self._running: asyncio.Task[None] | None = None

    async def check(self) -> None:
        """Check that the database takes a write.

        Raises:
            StoreAway: It does not; the text has the remedy, and no name of a host, user or file.
        """
        why = await self._ask()
        if why:
            raise StoreAway(why)

    async def close(self) -> None:
        """Stop the write that runs, if any."""
        task, self._running = self._running, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _ask(self) -> str:
        if self._running is None:
            if self._time_s() - self._written_s < GOOD_FOR_S:
                return ""
            self._running = asyncio.create_task(self._run(), name="database probe")
        task = self._running
        done, _ = await asyncio.wait([task], timeout=self._patience_s)
        if done:
            return self._why
        self._change(_SLOW)
        return _SLOW

    async def _run(self) -> None:
        try:
            self._change(await self._write())
            self._written_s = float("-inf") if self._why else self._time_s()
        finally:
            if self._running is asyncio.current_task():
                self._running = None

    def _change(self, why: str) -> None:
        if why and why != self._why:
            log.error("database.not_ready", why=why)
        elif self._why and not why:
            log.info("database.ready_again")
        self._why = why

    def _time_s(self) -> float:
        return self._now_s() if self._now_s is not None else asyncio.get_running_loop().time()
