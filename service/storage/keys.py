"""Access keys, stored as hashes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, text, update

from service.access.keys import Key, Role
from service.access.names import look_alike
from service.storage.engine import Database
from service.storage.tables import keys


class SqlKeys:
    """`service.access.ports.KeyStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, key: Key, digest: str) -> bool:
        async with self._database.write() as connection:
            same = select(keys.c.id).where(keys.c.digest == digest)
            if (await connection.execute(same)).first() is not None:
                return False
            await connection.execute(insert(keys).values({**asdict(key), "digest": digest}))
        return True

    async def add_distinct(self, key: Key, digest: str) -> Key | None:
        async with self._database.write() as connection:
            if connection.dialect.name == "postgresql":  # SQLite has one writer
                await connection.execute(text("LOCK TABLE keys IN SHARE ROW EXCLUSIVE MODE"))
            for row in await connection.execute(select(keys).where(keys.c.revoked_at.is_(None))):
                other = key_of(row)
                if other.valid(key.created_at) and look_alike(other.name, key.name):
                    return other
            await connection.execute(insert(keys).values({**asdict(key), "digest": digest}))
        return None

    async def find(self, digest: str) -> Key | None:
        async with self._database.read() as connection:
            found = await connection.execute(select(keys).where(keys.c.digest == digest))
            row = found.one_or_none()
        return None if row is None else key_of(row)

    async def all(self) -> Sequence[Key]:
        query = select(keys).order_by(keys.c.created_at, keys.c.id)
        async with self._database.read() as connection:
            return [key_of(row) for row in await connection.execute(query)]

    async def revoke(self, key_id: str, now: datetime) -> Key | None:
        valid = update(keys).where(keys.c.id == key_id, keys.c.revoked_at.is_(None))
        async with self._database.write() as connection:
            await connection.execute(valid.values(revoked_at=now))
            found = await connection.execute(select(keys).where(keys.c.id == key_id))
            row = found.one_or_none()
        return None if row is None else key_of(row)

    async def used(self, key_id: str, now: datetime) -> None:
        async with self._database.write() as connection:
            await connection.execute(
                update(keys).where(keys.c.id == key_id).values(last_used_at=now)
            )


def key_of(row: Row[Any]) -> Key:
    return Key(
        id=row.id,
        name=row.name,
        role=Role(row.role),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
        rooms=tuple(row.rooms),
    )
