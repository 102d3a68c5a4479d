"""Everything that is said to PostgreSQL alone.

Writers take one transaction-level advisory lock before they read or write anything, and PostgreSQL
frees it only after their commit can be seen: so, as on SQLite, one writes at a time, what a writer
has looked up stays true until it commits, and ids grow in commit order (`docs/decisions/0007`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import asyncpg
from sqlalchemy import URL, Connection, event, text
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from service.errors import ConfigurationError

WRITES = "earshot_writes"
"""Execution option of a transaction that may write."""

OLDEST = 130_000
"""PostgreSQL 13, as the server itself writes its version."""

WRITE_LOCK = 0x6561727_01
SERVER_LOCK = 0x6561727_02
"""Advisory locks are known by number; these are ours, within one database."""

CONNECT_S = 5.0
LOCK_MS = 5_000
"""How long a writer waits for the others, as on SQLite."""
ANSWER_S = 30.0
"""A statement that takes longer will not be answered."""

_SESSION = {
    "application_name": "earshot",
    "client_min_messages": "warning",
    "timezone": "UTC",
    "lock_timeout": str(LOCK_MS),
    # A writer that has gone without a word must not keep all others waiting.
    "idle_in_transaction_session_timeout": "30000",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}

_AWAY = frozenset(
    {
        "25006",  # only reading is allowed: a standby
        "25P03",  # idle in a transaction for too long
        "40001",
        "40P01",  # deadlock
        "55P03",  # a lock was waited for too long
        "57014",  # a statement took too long
        "57P01",
        "57P02",
        "57P03",
        "57P05",
        "28000",
        "28P01",
        "3D000",  # refused where it was taken before: rights or names are being changed
    }
)
_AWAY_CLASSES = ("08", "53", "58")
"""Connection, resources (disk, memory, connections), the system below."""

_UNSTORABLE = frozenset({"22021", "22P05"})


def dsn_of(url: URL) -> str:
    """The address as PostgreSQL's own tools write it. Holds the password."""
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


async def connect(url: URL, *, name: str = "earshot", answer_s: float | None = ANSWER_S) -> Any:
    """A connection of asyncpg's own.

    Raises:
        OSError, asyncpg.PostgresError, asyncpg.InterfaceError: see `sentence`.
    """
    connecting = asyncio.create_task(
        asyncpg.connect(
            dsn_of(url),
            timeout=CONNECT_S,
            command_timeout=answer_s,
            server_settings={**_SESSION, "application_name": name},
        ),
        name="connect to PostgreSQL",
    )
    try:
        return await asyncio.shield(connecting)
    except asyncio.CancelledError:
        # Cancelled half-way, asyncpg leaves things behind: let it come to its end first.
        with suppress(Exception):
            (await connecting).terminate()
        raise


def make_engine(
    url: URL, *, serialize: Callable[[Any], str], migrating: bool = False
) -> AsyncEngine:
    """
    Args:
        migrating: A statement may take as long as it likes.
    """
    answer_s = None if migrating else ANSWER_S
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda: connect(url, answer_s=answer_s),
        hide_parameters=True,
        json_serializer=serialize,
        pool_size=4,
        max_overflow=4,
        pool_timeout=10,
    )
    event.listen(engine.sync_engine, "checkout", _on_checkout)
    event.listen(engine.sync_engine, "begin", _on_begin)
    return engine


def reader_options() -> dict[str, Any]:
    """One moment of the database for all statements of a transaction."""
    return {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}


def is_away(error: BaseException) -> bool:
    """The server does not answer, or not now; the same may succeed later."""
    if isinstance(error, OSError | TimeoutError):  # from connecting, or a statement's time-out
        return True
    if isinstance(error, DBAPIError):
        if error.connection_invalidated:
            return True
        state = _state(error)
        if state is None:
            return isinstance(_cause(error), asyncpg.InterfaceError) and not is_unstorable(error)
        return state in _AWAY or state.startswith(_AWAY_CLASSES)
    return False


def is_unstorable(error: BaseException) -> bool:
    """A text holds NUL or half a surrogate pair."""
    if not isinstance(error, DBAPIError):
        return False
    cause = _cause(error)
    return _state(error) in _UNSTORABLE or isinstance(
        getattr(cause, "__cause__", None), UnicodeEncodeError
    )


def refuse_unusable(connection: Connection, url: URL) -> None:
    """Raises: ConfigurationError where the server is too old or keeps text in another encoding."""
    version, shown, encoding = connection.execute(
        text(
            "SELECT current_setting('server_version_num')::int, current_setting('server_version'),"
            " current_setting('server_encoding')"
        )
    ).one()
    refuse_old(version, shown)
    if encoding != "UTF8":
        raise ConfigurationError(
            f"the database {place(url)} keeps text as {encoding}; create one with "
            f"`createdb --encoding=UTF8 --template=template0 {url.database}`"
        )


def refuse_old(version: int, shown: str) -> None:
    """Raises: ConfigurationError."""
    if version < OLDEST:
        raise ConfigurationError(
            f"EARSHOT_DATABASE_URL: the server is PostgreSQL {shown}; earshot needs 13 or newer"
        )


def sort_by_bytes(connection: Connection) -> None:
    """Give every text column of ours the collation "C".

    A database sorts by the language it was created for, SQLite by bytes; pages of lists are cut by
    comparing ids, and must be the same on both. Where a column has it already nothing is done.
    """
    found = connection.execute(
        text(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = current_schema() AND data_type = 'text'"
            " AND collation_name IS DISTINCT FROM 'C' ORDER BY 1, 2"
        )
    )
    quote = connection.dialect.identifier_preparer.quote
    changes: dict[str, list[str]] = {}
    for table, column in found.all():
        change = f'ALTER COLUMN {quote(column)} TYPE text COLLATE "C"'
        changes.setdefault(table, []).append(change)
    for table, columns in changes.items():
        connection.execute(text(f"ALTER TABLE {quote(table)} {', '.join(columns)}"))


def place(url: URL) -> str:
    """Where the database is, for a person; without user and password."""
    host = url.host or next(iter(_listed(url.query.get("host"))), "") or "this machine"
    port = f":{url.port}" if url.port else ""
    return f"{url.database or url.username or ''!r} on {host}{port}"


def sentence(url: URL, error: BaseException) -> str:
    """Why the database cannot be used and what to do about it, without the password."""
    where = place(url)
    match _state(error):
        case "28P01" | "28000":
            return (
                f"the database {where} does not let user {url.username or ''!r} in "
                f"({_reason(error)}); give EARSHOT_DATABASE_URL the right user and password"
            )
        case "3D000":
            return (
                f"there is no database {where}; create it with `createdb {url.database}`, or "
                "give EARSHOT_DATABASE_URL the right name"
            )
        case "42501":
            return (
                f"user {url.username or ''!r} may not make or use tables in the database {where} "
                f"({_reason(error)}); make that user the database's owner"
            )
        case None:
            return (
                f"the database {where} cannot be reached: {_reason(error)}; start PostgreSQL "
                "there, or give EARSHOT_DATABASE_URL the right host and port"
            )
        case _:
            return f"the database {where} cannot be used: {_reason(error)}; see the server's log"


def _on_checkout(connection: Any, _record: object, _proxy: object) -> None:
    """A connection that the server has closed meanwhile is replaced; costs no round trip."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError("the server has closed it")


def _on_begin(connection: Connection) -> None:
    if connection.get_execution_options().get(WRITES):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITE_LOCK})")


def _cause(error: BaseException) -> BaseException | None:
    """What asyncpg raised."""
    if isinstance(error, DBAPIError):
        return None if error.orig is None else error.orig.__cause__
    return error


def _state(error: BaseException) -> str | None:
    """PostgreSQL's five characters for what went wrong."""
    return getattr(_cause(error), "sqlstate", None)


def _reason(error: BaseException) -> str:
    cause = _cause(error) or error
    if isinstance(cause, TimeoutError):
        return f"no answer within {CONNECT_S:.0f} s"
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return str(getattr(cause, "message", None) or cause).splitlines()[0]


def _listed(value: str | tuple[str, ...] | None) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value or ()
