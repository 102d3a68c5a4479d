"""`earshot key`: access keys of people and room servers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

import click

from service.access.audit import COMMAND_LINE, Action, make_entry
from service.access.keys import Key, Role, digest_of, make_key
from service.clock import iso, utc_now
from service.errors import Failed
from service.settings import load_settings
from service.storage.audit import SqlAudit
from service.storage.keys import SqlKeys
from service.storage.schema import open_database

_Result = TypeVar("_Result")


@click.group()
def key() -> None:
    """Make, list and revoke access keys.

    Every person and every room server that uses the server has a key of its own.
    """


@key.command()
@click.option("--name", required=True, help="Person or machine that will hold the key.")
@click.option(
    "--role",
    required=True,
    type=click.Choice([role.value for role in Role]),
    help="Role of the holder.",
)
@click.option(
    "--days", type=click.IntRange(1, 3650), help="Days until the key expires. Default: never."
)
def create(name: str, role: Role, days: int | None) -> None:
    """Make a key and print it.

    The key is shown only once: the server keeps a hash of it.
    """
    lifetime = timedelta(days=days) if days else None
    made, secret = make_key(name, Role(role), utc_now(), lifetime=lifetime)

    async def add(keys: SqlKeys, audit: SqlAudit) -> None:
        await keys.add(made, digest_of(secret))
        reason = f"{made.role} for {made.name}"
        await audit.add(
            make_entry(COMMAND_LINE, Action.KEY_MADE, made.id, made.created_at, reason=reason)
        )

    asyncio.run(_with_keys(add))
    click.echo(secret)
    click.echo(f"made {made.id}, {made.role} for {made.name}; the key is not shown again", err=True)


@key.command(name="list")
def list_() -> None:
    """List all keys by id, without the keys themselves."""
    for each in asyncio.run(_with_keys(lambda keys, _: keys.all())):
        state = "revoked" if each.revoked_at else "valid" if each.valid(utc_now()) else "expired"
        used = f"last used {iso(each.last_used_at)}" if each.last_used_at else "never used"
        click.echo(f"{each.id}  {each.role:<12}{state:<9}{used:<37}{each.name}")


@key.command()
@click.argument("key_id")
@click.option("--reason", default="", help="Reason, for the audit log.")
def revoke(key_id: str, reason: str) -> None:
    """Revoke the key KEY_ID, an id that `earshot key list` shows."""

    async def act(keys: SqlKeys, audit: SqlAudit) -> Key | None:
        now = utc_now()
        found = await keys.revoke(key_id, now)
        if found is not None and found.revoked_at == now:  # not revoked before
            entry = make_entry(COMMAND_LINE, Action.KEY_REVOKED, key_id, now, reason=reason)
            await audit.add(entry)
        return found

    if asyncio.run(_with_keys(act)) is None:
        raise Failed(f"there is no key {key_id}; `earshot key list` lists the ids")
    click.echo(f"{key_id} is revoked")


async def _with_keys(act: Callable[[SqlKeys, SqlAudit], Awaitable[_Result]]) -> _Result:
    database = await open_database(load_settings().database())
    try:
        return await act(SqlKeys(database), SqlAudit(database))
    finally:
        await database.close()
