"""Last time of each maintenance task."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.storage.tables import maintenance

PROBE = "probe"
COMPACTION = "compaction"


async def record_task(connection: AsyncConnection, task: str, now: datetime) -> None:
    """Write that a task was done now."""
    is_it = maintenance.c.task == task
    if not (await connection.execute(update(maintenance).where(is_it).values(at=now))).rowcount:
        await connection.execute(insert(maintenance).values(task=task, at=now))


async def last_time(connection: AsyncConnection, task: str) -> datetime | None:
    """Return when a task was last done; None for never."""
    query = select(maintenance.c.at).where(maintenance.c.task == task)
    found: datetime | None = await connection.scalar(query)
    return found
