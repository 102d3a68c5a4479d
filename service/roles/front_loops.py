"""Loops of the front: feed, overload watch, webhooks, policies and expiry."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

import structlog

from service.errors import StoreAway
from service.roles.front import Front
from service.roles.loops import cancel_all, run_again
from service.settings import Settings
from service.storage.expiry import Expired, expire
from service.verdict.overload import OverloadChanged, Pace
from service.webhooks import inbound

log = structlog.get_logger()

_EXPIRE_EVERY_S = 600.0


@asynccontextmanager
async def run_front(front: Front, settings: Settings) -> AsyncIterator[None]:
    """Run the front's loops: feed, overload watch, webhooks, policies and expiry."""
    await _resume_overload(front)

    async def watch_policies() -> None:
        folder = front.policy_folder
        await (asyncio.Event().wait() if folder is None else folder.run())

    async def expire_words() -> None:
        await _expire(front, talk_hours=settings.talk_hours, alert_days=settings.alert_days)

    async with asyncio.TaskGroup() as tasks:
        loops = [
            tasks.create_task(run_again(name, run, front.metrics), name=name)
            for name, run in (
                ("feed", front.broadcaster.run),
                ("overload", front.overload.run),
                ("webhooks", partial(front.relay.run, front.action_results)),
                ("policies", watch_policies),
                ("expiry", expire_words),
            )
        ]
        try:
            yield
        finally:
            front.broadcaster.close()
            await cancel_all(loops)
            await front.webhook_sender.close()


async def _resume_overload(front: Front) -> None:
    """Go on from the last overload event, so that an overload of an earlier run is ended."""
    last = await front.events.last(OverloadChanged.type)
    if last is not None:
        front.overload.resume(Pace(last.data["state"]), last.data.get("measure", "none"))


async def _expire(front: Front, *, talk_hours: int, alert_days: int) -> None:
    """Remove what has expired, and say so once the files have nothing of it any more."""
    removed = Expired()
    while True:
        now = front.clock()
        await front.webhooks.expire(now - timedelta(days=alert_days))
        await front.answers.expire()
        await front.hook_store.forget_calls(now - inbound.REMEMBERED_FOR)
        gone = await expire(
            front.database, front.clock(), talk_hours=talk_hours, alert_days=alert_days
        )
        removed = removed.plus(gone)
        counts = {"talk": removed.talk, "alerts": removed.alerts, "events": removed.events}
        if await _erase_removed(front):
            log.info("words.expired", **counts)
            removed = Expired()
        else:
            log.info("words.removed_from_tables", **counts)
        await asyncio.sleep(_EXPIRE_EVERY_S)


async def _erase_removed(front: Front) -> bool:
    """Clear the files. A disk without space for it must not repeat the whole round at once."""
    try:
        return await front.database.erase_removed(front.clock())
    except StoreAway:
        front.metrics.failures.labels("erasing words").inc()
        log.warning("words.not_erased", remedy="give the database's disk as much free space again")
        return False
