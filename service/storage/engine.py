"""Database with one writer at a time, many readers, and a signal after each commit."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.errors import ConfigurationError, Problem, StoreAway
from service.storage import postgres, sqlite

_EXAMPLES = "sqlite:////var/lib/earshot/earshot.db or postgresql://user:password@host/earshot"


class Database:
    """Transactions on one database.

    The schema must exist: use `open_database`. Call `close()` at the end.

    Args:
        may_write: Function that returns why this process may not write now; empty if it may.
    """

    def __init__(self, url: str, *, may_write: Callable[[], str] = lambda: "") -> None:
        parsed = parse_url(url)
        self._is_sqlite = is_sqlite(parsed)
        self._engine = make_engine(parsed)
        self._reader = self._engine.execution_options(**reader_options(parsed))
        self._writer = self._engine.execution_options(**writer_options(parsed))
        self._may_write = may_write
        self._writing = asyncio.Lock()
        self._committed = asyncio.Event()
        self._write_failed = False

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that may write. The end commits it; an exception rolls it back.

        No other writer of any process runs between its first statement and its commit. Tasks that
        wait on `next_commit` wake after the commit, never before.

        Raises:
            StoreAway: The database does not answer, or another writer holds it for too long. The
                changes are most likely not committed; the caller must be able to repeat them.
            Problem: 422, a text cannot be stored.
        """
        async with self._writing:
            if reason := self._may_write():
                raise StoreAway(reason)
            try:
                with self._answering():
                    async with self._writer.begin() as connection:
                        yield connection
            except StoreAway:
                self._write_failed = True
                raise
            self._write_failed = False
        self._committed.set()
        self._committed = asyncio.Event()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that reads one snapshot of the database and writes nothing.

        Raises:
            StoreAway: The database does not answer.
        """
        with self._answering():
            async with self._reader.connect() as connection:
                yield connection

    def next_commit(self) -> asyncio.Event:
        """Return an event that is set after the next commit here. Call this before reading."""
        return self._committed

    async def check(self) -> None:
        """Check that the database works.

        Raises:
            StoreAway: It cannot be read; or the last write failed, and a new one fails too.
        """
        async with self.read() as connection:
            await connection.exec_driver_sql("SELECT 1")
        if self._write_failed or self._may_write():
            async with self.write():
                pass

    async def forget_deleted(self) -> None:
        """Remove deleted speech from the files beside a SQLite database.

        PostgreSQL manages its own files: vacuuming frees the space, which is overwritten later.
        """
        if self._is_sqlite:
            with self._answering():
                await sqlite.empty_log(self._engine)

    async def close(self) -> None:
        await (sqlite.dispose(self._engine) if self._is_sqlite else self._engine.dispose())

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Translate errors of the driver. The new ones contain no value of a statement."""
        away = sqlite.is_away if self._is_sqlite else postgres.is_away
        unstorable = sqlite.is_unstorable if self._is_sqlite else postgres.is_unstorable
        try:
            yield
        except NoConnection:
            raise StoreAway("the database answers too slowly; ask again later") from None
        except (DBAPIError, OSError, UnicodeEncodeError) as error:
            if unstorable(error):
                raise Problem(
                    422,
                    "Text cannot be stored",
                    "a text holds the character NUL or half a surrogate pair; remove it",
                ) from None
            if away(error):
                raise StoreAway("the database does not answer; ask again later") from error
            raise


def make_engine(url: URL, *, migrating: bool = False) -> AsyncEngine:
    """Make the engine of a database.

    Args:
        migrating: Whether the engine changes the schema, which has no time limit.
    """
    make = sqlite.make_engine if is_sqlite(url) else postgres.make_engine
    return make(url, serialize=_compact, migrating=migrating)


def writer_options(url: URL) -> dict[str, Any]:
    return {sqlite.BEGIN: "IMMEDIATE"} if is_sqlite(url) else {postgres.WRITES: True}


def reader_options(url: URL) -> dict[str, Any]:
    return {} if is_sqlite(url) else postgres.reader_options()


def is_sqlite(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"


def parse_url(url: str) -> URL:
    """Parse the URL of a database and add the driver.

    Raises:
        ConfigurationError: It is not the URL of a database that this version can use.
    """
    remedy = f"give one such as {_EXAMPLES}"
    try:
        parsed = make_url(url)
        kind = parsed.get_backend_name()
    except (ArgumentError, ValueError):  # the error's text may contain the password
        raise ConfigurationError(f"EARSHOT_DATABASE_URL is not a database URL; {remedy}") from None
    match kind:
        case "sqlite":
            if parsed.database in (None, "", ":memory:"):
                raise ConfigurationError(f"EARSHOT_DATABASE_URL names no file; {remedy}")
            return parsed.set(drivername="sqlite+aiosqlite")
        case "postgresql" | "postgres":
            if not parsed.database:
                raise ConfigurationError(f"EARSHOT_DATABASE_URL names no database; {remedy}")
            return parsed.set(drivername="postgresql+asyncpg")
        case _:
            raise ConfigurationError(
                f"EARSHOT_DATABASE_URL: this version cannot use {kind}; {remedy}"
            )


def hide_password(url: str) -> str:
    """Return the URL without its password."""
    parsed = parse_url(url)
    if is_sqlite(parsed):
        return url
    user = f"{parsed.username}:***@" if parsed.username else ""
    host = parsed.host or ""
    port = f":{parsed.port}" if parsed.port else ""
    return f"postgresql://{user}{host}{port}/{parsed.database}"


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
