"""The database: one writer at a time, many readers, and a signal after each commit."""

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

    Its schema must be there already; `open_database` sees to that. Call `close()` at the end.

    Args:
        may_write: Says why not, where this process may not write now; empty while it may.
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
        """A transaction that may change things: committed at the end, undone by an exception.

        No other writer, of whatever process, is between its first statement and its commit.
        Everyone who waits on `next_commit` wakes after the commit, never before.

        Raises:
            StoreAway: The database does not answer, or is held by another for too long. What was
                to be committed is most likely not; it must be harmless to do it again.
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
        """A transaction that sees one moment of the database and changes nothing.

        Raises:
            StoreAway: The database does not answer.
        """
        with self._answering():
            async with self._reader.connect() as connection:
                yield connection

    def next_commit(self) -> asyncio.Event:
        """Set after the next commit in this process. Ask for it before looking at the tables."""
        return self._committed

    async def check(self) -> None:
        """Raises: StoreAway where it cannot be read, or where the last write failed and none can
        be made now either."""
        async with self.read() as connection:
            await connection.exec_driver_sql("SELECT 1")
        if self._write_failed or self._may_write():
            async with self.write():
                pass

    async def forget_deleted(self) -> None:
        """Leave no deleted words in the files beside a SQLite database.

        PostgreSQL's files are its server's: vacuuming frees the space, which is overwritten later.
        """
        if self._is_sqlite:
            with self._answering():
                await sqlite.empty_log(self._engine)

    async def close(self) -> None:
        await (sqlite.dispose(self._engine) if self._is_sqlite else self._engine.dispose())

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Errors that another part can act on. No value of a statement is in any of them."""
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
    """
    Args:
        migrating: For changes of the schema, which may take as long as they like.
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
    """The URL with its driver.

    Raises:
        ConfigurationError: It is no URL of a database that this version can use.
    """
    remedy = f"give one such as {_EXAMPLES}"
    try:
        parsed = make_url(url)
        kind = parsed.get_backend_name()
    except (ArgumentError, ValueError):  # its text may hold the password
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
    """The URL as it may be shown."""
    parsed = parse_url(url)
    if is_sqlite(parsed):
        return url
    user = f"{parsed.username}:***@" if parsed.username else ""
    host = parsed.host or ""
    port = f":{parsed.port}" if parsed.port else ""
    return f"postgresql://{user}{host}{port}/{parsed.database}"


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
