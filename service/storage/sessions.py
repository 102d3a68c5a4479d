"""Console sessions, stored as hashes."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.access.keys import Key
from service.access.sessions import Session
from service.storage.engine import Database
from service.storage.keys import key_of
from service.storage.tables import keys, sessions


class SqlSessions:
    """`service.access.ports.SessionStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, session: Session, digest: str) -> None:
        row = {"digest": digest, "key_id": session.key_id, "expires_at": session.expires_at}
        async with self._database.write() as connection:
            await connection.execute(insert(sessions).values(row))

    async def find(self, digest: str) -> tuple[Session, Key] | None:
        both = (
            select(keys, sessions.c.expires_at.label("session_until"))
            .join_from(sessions, keys, sessions.c.key_id == keys.c.id)
            .where(sessions.c.digest == digest)
        )
        async with self._database.read() as connection:
            row = (await connection.execute(both)).one_or_none()
        return None if row is None else (Session(row.id, row.session_until), key_of(row))

    async def end(self, digest: str) -> None:
        async with self._database.write() as connection:
            await connection.execute(delete(sessions).where(sessions.c.digest == digest))


async def remove_expired_sessions(connection: AsyncConnection, now: datetime) -> None:
    await connection.execute(delete(sessions).where(sessions.c.expires_at <= now))
