"""Code for PostgreSQL only.

A writer takes one transaction-level advisory lock before it reads or writes, and PostgreSQL frees
the lock only after the commit is visible. So, as on SQLite, one writer runs at a time, its reads
stay true until its commit, and ids grow in commit order (`docs/decisions/0007`).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import asyncpg
from sqlalchemy import URL, Connection, event, text
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from service.errors import ConfigurationError
from service.storage.postgres_url import CONNECT_TIMEOUT

WRITES = "earshot_writes"
"""Execution option of a transaction that may write."""

OLDEST = 130_000
"""Oldest supported server, PostgreSQL 13, in the form of `server_version_num`."""

WRITE_LOCK = 0x6561727_01
SERVER_LOCK = 0x6561727_02
"""Numbers of our advisory locks, within one database."""

CONNECT_S = 5.0
LOCK_MS = 5_000
"""Longest wait of a writer for the others, in milliseconds; the same as on SQLite."""
ANSWER_S = 30.0
"""Longest duration of a statement, in seconds."""

OUR_NAME = "earshot"
"""Name of our sessions, unless the address has an `application_name`."""

_SESSION = {
    "application_name": OUR_NAME,
    "client_min_messages": "warning",
    "timezone": "UTC",
    "lock_timeout": str(LOCK_MS),
    # A writer that vanished must not block all others.
    "idle_in_transaction_session_timeout": "30000",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}

_AWAY = frozenset(
    {
        "25006",  # read-only: a standby
        "25P03",  # idle in a transaction for too long
        "40001",
        "40P01",  # deadlock
        "55P03",  # lock time-out
        "57014",  # statement time-out
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
    bare = url.set(drivername="postgresql").difference_update_query([CONNECT_TIMEOUT])
    return bare.render_as_string(hide_password=False)


async def connect(url: URL, *, name: str = OUR_NAME, answer_s: float | None = ANSWER_S) -> Any:
    """A connection of asyncpg's own.

    Raises:
        OSError, asyncpg.PostgresError, asyncpg.InterfaceError: see `explain_failure`.
    """
    wait_s = int(str(url.query.get(CONNECT_TIMEOUT, 0)))
    settings = {**_SESSION, "application_name": name}
    for setting in settings.keys() & url.query.keys():
        if setting != "application_name" or name == OUR_NAME:
            settings[setting] = str(url.query[setting])
    connecting = asyncio.create_task(
        asyncpg.connect(
            dsn_of(url),
            timeout=wait_s or CONNECT_S,
            command_timeout=answer_s,
            server_settings=settings,
        ),
        name="connect to PostgreSQL",
    )
    try:
        return await asyncio.shield(connecting)
    except asyncio.CancelledError:
        # asyncpg does not clean up after a cancellation half-way: let it finish first.
        with suppress(Exception):
            (await connecting).terminate()
        raise
    except asyncpg.exceptions.TargetServerAttributeNotMatched:
        raise ConnectionError("none of the hosts takes writes") from None


def make_engine(
    url: URL, *, serialize: Callable[[Any], str], migrating: bool = False
) -> AsyncEngine:
    """Make an engine for PostgreSQL.

    Args:
        migrating: Whether the engine changes the schema, so that statements have no time limit.
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
    """Return options that give all statements of a transaction one snapshot."""
    return {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}


def is_away(error: BaseException) -> bool:
    """Return whether the server does not answer now, so that a retry may succeed."""
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


def explain_away(error: BaseException) -> str:
    """Return why a write failed, with the remedy and without names of hosts, users or databases."""
    match _state(error):
        case "25006":
            return (
                "the database server is read-only or in recovery; let EARSHOT_DATABASE_URL name "
                "the primary, or several hosts with target_session_attrs=read-write"
            )
        case "53100":
            return "the disk of the database server is full; free some space on it"
        case "53300":
            return "the database server has no connection left; raise its max_connections"
        case "55P03":
            return "another session holds the write lock of the database; end it"
        case "28000" | "28P01" | "3D000" | "42501":
            return "the database server lets this server in no longer; see the log of both"
        case _:
            return "the database does not answer; start it, or see its log"


def is_unstorable(error: BaseException) -> bool:
    """Return whether a text contains NUL or half a surrogate pair."""
    if not isinstance(error, DBAPIError):
        return False
    cause = _cause(error)
    return _state(error) in _UNSTORABLE or isinstance(
        getattr(cause, "__cause__", None), UnicodeEncodeError
    )


def refuse_unusable(connection: Connection, url: URL) -> None:
    """Refuse a server that is too old, and a database with another encoding than UTF-8.

    Raises:
        ConfigurationError: With the remedy.
    """
    version, shown, encoding = connection.execute(
        text(
            "SELECT current_setting('server_version_num')::int, current_setting('server_version'),"
            " current_setting('server_encoding')"
        )
    ).one()
    refuse_old(version, shown)
    if encoding != "UTF8":
        raise ConfigurationError(
            f"the database {describe_location(url)} keeps text as {encoding}; create one with "
            f"`createdb --encoding=UTF8 --template=template0 {url.database}`"
        )


def refuse_old(version: int, shown: str) -> None:
    """Refuse a server that is too old.

    Raises:
        ConfigurationError: With the remedy.
    """
    if version < OLDEST:
        raise ConfigurationError(
            f"EARSHOT_DATABASE_URL: the server is PostgreSQL {shown}; earshot needs 13 or newer"
        )


def sort_by_bytes(connection: Connection) -> None:
    """Give every text column of our tables the collation "C".

    PostgreSQL sorts by the language of the database, SQLite by bytes. Pages of lists compare ids
    and must be the same on both. A column that has the collation already does not change.
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


def describe_location(url: URL) -> str:
    """Return the host and name of the database for a message, without user and password."""
    return f"{url.database or url.username or ''!r} on {describe_hosts(url) or 'this machine'}"


def describe_hosts(url: URL) -> str:
    """Return the hosts with their ports, comma-separated; empty if the address names none."""
    hosts = (
        [f"[{url.host}]" if ":" in url.host else url.host]
        if url.host
        else str(url.query.get("host", "")).split(",")
    )
    ports = [str(url.port or "")] if url.host else str(url.query.get("port", "")).split(",")
    return ",".join(
        f"{host}:{port}" if port and not host.startswith("/") else host
        for host, port in zip(hosts, ports, strict=False)
    )


def explain_failure(url: URL, error: BaseException) -> str:
    """Return why the database cannot be used, with the remedy and without the password."""
    where = describe_location(url)
    if isinstance(_cause(error), ssl.SSLError):
        return (
            f"the TLS connection to the database {where} fails: {_reason(error)}; give "
            "EARSHOT_DATABASE_URL the sslrootcert that signed the server's certificate, and the "
            "host that the certificate names"
        )
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
    """Replace a connection that the server has closed. Costs no round trip."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError("the server has closed it")


def _on_begin(connection: Connection) -> None:
    if connection.get_execution_options().get(WRITES):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITE_LOCK})")


def _cause(error: BaseException) -> BaseException | None:
    """Return the error that asyncpg raised."""
    if isinstance(error, DBAPIError):
        return None if error.orig is None else error.orig.__cause__
    return error


def _state(error: BaseException) -> str | None:
    """Return the SQLSTATE, PostgreSQL's five-character error code."""
    return getattr(_cause(error), "sqlstate", None)


def _reason(error: BaseException) -> str:
    cause = _cause(error) or error
    if isinstance(cause, TimeoutError):
        return f"no answer within {CONNECT_S:.0f} s"
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return str(getattr(cause, "message", None) or cause).splitlines()[0]
