"""Stored answers to requests with an idempotency key."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, func, insert, select, update

from service.access.keyed_request import Claim, StoredClaim
from service.storage.engine import Database
from service.storage.tables import idempotency_keys


class SqlAnswers:
    """`service.access.ports.AnswerStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(
        self, claim: Claim, caller: str, sealed: str, expired_before: datetime
    ) -> StoredClaim | None:
        table = idempotency_keys.c
        is_it = table.digest == claim.digest
        expired = and_(is_it, table.claimed_at <= expired_before)
        values = {
            "digest": claim.digest,
            "caller": caller,
            "nonce": claim.nonce,
            "claimed_at": claim.claimed_at,
            "answered": False,
            "sealed": sealed,
        }
        async with self._database.write() as connection:
            await connection.execute(delete(idempotency_keys).where(expired))
            found = (await connection.execute(select(idempotency_keys).where(is_it))).one_or_none()
            if found is None:
                await connection.execute(insert(idempotency_keys).values(values))
                return None
        return StoredClaim(found.nonce, found.answered, found.sealed)

    async def answer(self, claim: Claim, sealed: str) -> None:
        changed = update(idempotency_keys).where(_is(claim)).values(sealed=sealed, answered=True)
        async with self._database.write() as connection:
            await connection.execute(changed)

    async def release(self, claim: Claim) -> None:
        async with self._database.write() as connection:
            await connection.execute(delete(idempotency_keys).where(_is(claim)))

    async def expire(self, before: datetime, most: int) -> int:
        table = idempotency_keys.c
        crowded = select(table.caller).group_by(table.caller).having(func.count() > most)
        async with self._database.write() as connection:
            old = delete(idempotency_keys).where(table.claimed_at <= before)
            gone = (await connection.execute(old)).rowcount
            for caller in (await connection.scalars(crowded)).all():
                mine = table.caller == caller
                newest = select(table.claimed_at).where(mine).order_by(table.claimed_at.desc())
                until = await connection.scalar(newest.offset(most).limit(1))
                beyond = delete(idempotency_keys).where(mine, table.claimed_at <= until)
                gone += (await connection.execute(beyond)).rowcount
        return gone


def _is(claim: Claim) -> ColumnElement[bool]:
    return and_(idempotency_keys.c.digest == claim.digest, idempotency_keys.c.nonce == claim.nonce)
