"""Database with one writer at a time, many readers, and a signal after each commit."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.clock import utc_now
from service.errors import ConfigurationError, Problem, StoreAway
from service.storage import postgres, sqlite
from service.storage.compaction import Compaction, must_run
from service.storage.maintenance import COMPACTION, PROBE, last_time, record_task
from service.storage.postgres_url import parse_postgres_url
from service.storage.probe import Probe
from service.storage.sqlite_file import DatabaseFile

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
        self._probe = Probe(self._write_probe)
        self._file = DatabaseFile(sqlite.file_of(parsed)) if self._is_sqlite else None
        self._compaction: Compaction | None = None
        self._holds_removed = True  # an earlier run may have left something

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
        if self._compaction is not None:
            self._compaction.let_writer_in()
        async with self._writing:
            if reason := self._may_write():
                raise StoreAway(reason)
            with self._answering():
                async with self._writer.begin() as connection:
                    yield connection
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
        """Check that the database takes a write, and that it is the one of this server's start.

        Cheap enough for a call every second; it never waits for long (`service.storage.probe`).

        Raises:
            StoreAway: It does not; the text has the remedy, and names no host, user or file.
        """
        await self._probe.check()

    async def erase_removed(self, now: datetime) -> bool:
        """Remove deleted speech from a SQLite file and its log (`service.storage.compaction`).

        Call it after each removal. PostgreSQL manages its own files: vacuuming frees the space,
        which is overwritten later.

        Returns:
            Whether nothing of it is left in the files. If not, a later call will do it.
        """
        if self._file is None:
            return True
        with self._answering():
            if self._holds_removed and not await self._compact(self._file, now):
                return False
            return await sqlite.empty_log(self._engine)

    def note_removal(self) -> None:
        """Remember that rows with words were deleted, so that `erase_removed` has work to do."""
        self._holds_removed = True

    async def close(self) -> None:
        await self._probe.close()
        await (sqlite.dispose(self._engine) if self._is_sqlite else self._engine.dispose())

    async def _compact(self, file: DatabaseFile, now: datetime) -> bool:
        async with self.read() as connection:
            last = await last_time(connection, COMPACTION)
        attempt = Compaction(file.path, yields=not must_run(file.size_bytes(), last, now))
        self._compaction = attempt  # before the lock, so that writers who wait already are seen
        try:
            async with self._writing:
                done = await _run_compaction(attempt)
        finally:
            self._compaction = None
        if done:
            self._holds_removed = False
            async with self.write() as connection:
                await record_task(connection, COMPACTION, now)
        return done

    async def _write_probe(self) -> str:
        """Write once. Returns: why the database cannot be used; empty if it can."""
        if self._compaction is not None:
            return ""  # it writes the whole file now
        if self._file is not None and (fault := self._file.find_fault()):
            return fault
        try:
            async with self.write() as connection:
                await record_task(connection, PROBE, utc_now())
        except (StoreAway, SQLAlchemyError, OSError) as error:
            explain = sqlite.explain_away if self._is_sqlite else postgres.explain_away
            return explain(error.__cause__ or error)
        return "" if self._file is None else self._file.find_fault_after_write()

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Translate errors of the driver. The new ones contain no value of a statement."""
        away = sqlite.is_away if self._is_sqlite else postgres.is_away
        unstorable = sqlite.is_unstorable if self._is_sqlite else postgres.is_unstorable
        try:
            yield
        except NoConnection:
            raise StoreAway("the database answers too slowly; ask again later") from None
        except (DBAPIError, OSError, sqlite3.Error, UnicodeEncodeError) as error:
            if unstorable(error):
                raise Problem(
                    422,
                    "Text cannot be stored",
                    "a text holds the character NUL or half a surrogate pair; remove it",
                ) from None
            if away(error):
                raise StoreAway("the database does not answer; ask again later") from error
            raise


async def _run_compaction(attempt: Compaction) -> bool:
    running = asyncio.create_task(asyncio.to_thread(attempt.run), name="compaction")
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        attempt.interrupt()
        await asyncio.wait([running])
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
    kind = url.strip().partition("://")[0].partition("+")[0].lower()
    match kind:
        case "sqlite":
            return _parse_sqlite(url.strip(), remedy)
        case "postgresql" | "postgres":
            return parse_postgres_url(url.strip())
        case _ if "://" in url and kind.isalnum():
            raise ConfigurationError(
                f"EARSHOT_DATABASE_URL: this version cannot use {kind}; {remedy}"
            )
        case _:
            raise ConfigurationError(f"EARSHOT_DATABASE_URL is not a database URL; {remedy}")


def _parse_sqlite(url: str, remedy: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ConfigurationError(f"EARSHOT_DATABASE_URL is not a database URL; {remedy}") from None
    if parsed.database in (None, "", ":memory:"):
        raise ConfigurationError(f"EARSHOT_DATABASE_URL names no file; {remedy}")
    return parsed.set(drivername="sqlite+aiosqlite")


def hide_password(url: str) -> str:
    """Return the URL without its password."""
    parsed = parse_url(url)
    if is_sqlite(parsed):
        return url
    user = f"{parsed.username}:***@" if parsed.username else ""
    return f"postgresql://{user}{postgres.describe_hosts(parsed)}/{parsed.database}"


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
