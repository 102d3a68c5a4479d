"""`earshot key`: access keys of people and room servers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import TypeVar

import click
from pydantic import TypeAdapter, ValidationError

from service.access.audit import COMMAND_LINE, Action, make_entry
from service.access.keys import Key, Role, digest_of, make_key
from service.access.names import PlainName, describe_same_name
from service.access.scope import GLOB_PATTERN, MOST_GLOBS, describe_scope
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
@click.option(
    "--rooms",
    multiple=True,
    help="Id of a room that the key is for, or a glob such as 'club-*'; may be repeated, or be a"
    " list with commas. Default: all rooms.",
)
def create(name: str, role: str, days: int | None, rooms: Sequence[str]) -> None:
    """Make a key and print it.

    The key is shown only once: the server keeps a hash of it.
    """
    lifetime = timedelta(days=days) if days else None
    made, secret = make_key(
        _name(name), Role(role), utc_now(), lifetime=lifetime, rooms=_scope(rooms, Role(role))
    )

    async def add(keys: SqlKeys, audit: SqlAudit) -> None:
        same = await keys.add_distinct(made, digest_of(secret))
        if same is not None:
            raise Failed(describe_same_name(made.name, same))
        entry = make_entry(
            COMMAND_LINE, Action.KEY_MADE, made.id, made.created_at, reason=made.purpose()
        )
        await audit.add(entry)

    asyncio.run(_with_keys(add))
    click.echo(secret)
    click.echo(f"made {made.id}, {made.purpose()}; the key is not shown again", err=True)


@key.command(name="list")
def list_() -> None:
    """List all keys by id, without the keys themselves."""
    for each in asyncio.run(_with_keys(lambda keys, _: keys.all())):
        state = "revoked" if each.revoked_at else "valid" if each.valid(utc_now()) else "expired"
        used = f"last used {iso(each.last_used_at)}" if each.last_used_at else "never used"
        click.echo(f"{each.id}  {each.role:<12}{state:<9}{used:<37}{each.name}{_shown_scope(each)}")


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


def _name(name: str) -> str:
    """Return the name of a holder. Raises: click.BadParameter."""
    try:
        return TypeAdapter(PlainName).validate_python(name)
    except ValidationError as error:
        (first,) = error.errors(include_url=False)
        raise click.BadParameter(
            first["msg"].removeprefix("Value error, "), param_hint="--name"
        ) from error


def _scope(rooms: Sequence[str], role: Role) -> Sequence[str]:
    """Return the ids and globs of the option `--rooms`. Raises: click.BadParameter."""
    globs = [glob.strip() for text in rooms for glob in text.split(",")]
    for glob in globs:
        if not re.fullmatch(GLOB_PATTERN, glob, re.ASCII):
            raise click.BadParameter(
                f"{glob!r} is no id of a room and no glob over ids; ids have letters, digits and"
                " ._:@+=-, and globs * and ? as well",
                param_hint="--rooms",
            )
    if len(globs) > MOST_GLOBS:
        raise click.BadParameter(
            f"a key takes {MOST_GLOBS} entries at most; use globs", param_hint="--rooms"
        )
    if globs and role is Role.ADMIN:
        raise click.BadParameter(
            "an admin can make keys for all rooms; leave --rooms out, or choose another role",
            param_hint="--rooms",
        )
    return globs


def _shown_scope(key: Key) -> str:
    return f"  (rooms {describe_scope(key.rooms)})" if key.rooms else ""


async def _with_keys(act: Callable[[SqlKeys, SqlAudit], Awaitable[_Result]]) -> _Result:
    database = await open_database(load_settings().database())
    try:
        return await act(SqlKeys(database), SqlAudit(database))
    finally:
        await database.close()
