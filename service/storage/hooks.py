"""Sealed secrets of room servers, and the calls that they made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import and_, delete, func, insert, select, update

from service.access.names import look_alike
from service.errors import Problem
from service.storage.engine import Database
from service.storage.expiry import delete_in_batches
from service.storage.tables import hook_messages, hook_secrets
from service.webhooks.inbound import MOST_SECRETS, HookSecret, SealedHookSecret
from service.webhooks.signing import VerifiedCall


class SqlHooks:
    """`service.webhooks.inbound.HookStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_secret(self, secret: SealedHookSecret) -> None:
        shown = secret.shown
        mine = hook_secrets.c.room_server == shown.room_server
        async with self._database.write() as connection:
            count = await connection.scalar(select(func.count()).where(mine)) or 0
            if count >= MOST_SECRETS:
                raise Problem(
                    409,
                    "Two secrets already",
                    f"room server {shown.room_server!r} has {count} secrets; delete the old one",
                )
            for other in await connection.scalars(select(hook_secrets.c.room_server).distinct()):
                if other != shown.room_server and look_alike(other, shown.room_server):
                    raise Problem(
                        409,
                        "Name taken",
                        f"`room_server` is {shown.room_server!r}, which looks like {other!r};"
                        " give that name for a second secret, or one that looks different",
                    )
            columns = asdict(shown) | {"secret": secret.secret}
            await connection.execute(insert(hook_secrets).values(columns))

    async def secrets(self) -> Sequence[SealedHookSecret]:
        query = select(hook_secrets).order_by(hook_secrets.c.created_at, hook_secrets.c.id)
        async with self._database.read() as connection:
            return [
                SealedHookSecret(
                    HookSecret(
                        row.id, row.room_server, row.created_by, row.created_at, tuple(row.rooms)
                    ),
                    row.secret,
                )
                for row in await connection.execute(query)
            ]

    async def remove_secret(self, secret_id: str) -> bool:
        async with self._database.write() as connection:
            gone = delete(hook_secrets).where(hook_secrets.c.id == secret_id)
            return bool((await connection.execute(gone)).rowcount)

    async def signed_at(self, room_server: str, message_id: str) -> int | None:
        query = select(hook_messages.c.signed_at).where(
            hook_messages.c.room_server == room_server, hook_messages.c.id == message_id
        )
        async with self._database.read() as connection:
            found: int | None = await connection.scalar(query)
        return found

    async def record(self, signed: VerifiedCall, outcome: str, now: datetime) -> None:
        is_it = and_(hook_messages.c.room_server == signed.signer, hook_messages.c.id == signed.id)
        again = update(hook_messages).where(is_it).values(signed_at=signed.timestamp)
        async with self._database.write() as connection:
            if (await connection.execute(again)).rowcount:
                return
            await connection.execute(
                insert(hook_messages).values(
                    room_server=signed.signer,
                    id=signed.id,
                    signed_at=signed.timestamp,
                    received_at=now,
                    outcome=outcome,
                )
            )

    async def forget_calls(self, before: datetime) -> None:
        old = hook_messages.c.received_at < before
        await delete_in_batches(self._database, hook_messages.c.id, old)
