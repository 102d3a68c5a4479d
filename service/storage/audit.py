"""Audit log: entries are appended, never altered, and removed when they expire."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.access.audit import Action, Entry
from service.storage.engine import Database
from service.storage.paging import cursor_of, older_than
from service.storage.tables import audit

KEPT = timedelta(days=365)
"""Shortest retention of entries; longer if alerts are kept longer."""


class SqlAudit:
    """`service.access.ports.AuditStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, entry: Entry) -> None:
        async with self._database.write() as connection:
            await connection.execute(insert(audit).values(asdict(entry)))

    async def page(
        self, who: str | None, subject: str | None, *, limit: int, cursor: str | None = None
    ) -> tuple[Sequence[Entry], str | None]:
        query = select(audit).order_by(audit.c.at.desc(), audit.c.id.desc())
        if who is not None:
            query = query.where(audit.c.who == who)
        if subject is not None:
            query = query.where(audit.c.subject == subject)
        if cursor is not None:
            query = query.where(older_than(cursor, audit.c.at, audit.c.id))
        async with self._database.read() as connection:
            rows = (await connection.execute(query.limit(limit + 1))).mappings().all()
        found = [Entry(**{**row, "action": Action(row["action"])}) for row in rows]
        page = found[:limit]
        return page, cursor_of(page[-1].at, page[-1].id) if len(found) > limit else None


async def remove_expired_entries(
    connection: AsyncConnection, now: datetime, alerts_kept: timedelta
) -> None:
    await connection.execute(delete(audit).where(audit.c.at < now - max(KEPT, alerts_kept)))
