"""Code for SQLite only.

Python's driver would open transactions by itself; that is switched off, and this module sends
BEGIN. A writer sends BEGIN IMMEDIATE, which takes the write lock before it reads. So two processes
wait for each other (up to `BUSY_MS`) and never deadlock, and ids grow in commit order.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from weakref import WeakSet

import aiosqlite
from sqlalchemy import URL, Connection, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from service.errors import ConfigurationError, StoreAway
from service.storage import sqlite_file

BUSY_MS = 5_000
"""Longest wait of a statement for another process's write lock, in milliseconds."""

BEGIN = "earshot_begin"
"""Execution option: `IMMEDIATE` for a writer, `DEFERRED` (the default) for a reader, or `NONE`."""

_THREADS = "earshot_threads"
"""Execution option of an engine: the threads of its connections, one for each."""

_PRAGMAS = (
    f"busy_timeout={BUSY_MS}",  # first, because the next one may wait for another process
    "journal_mode=WAL",
    "synchronous=NORMAL",  # a power cut may lose the last commits, never the file
    "foreign_keys=ON",
    "secure_delete=ON",  # overwrite expired words, not only unlink them
)

_AWAY = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
    }
)
_PRIMARY = 0xFF
"""Bits of SQLite's error codes that hold the kind of error."""


def make_engine(
    url: URL, *, serialize: Callable[[Any], str], migrating: bool = False
) -> AsyncEngine:
    """Make an engine for SQLite.

    Args:
        migrating: Whether foreign keys are off, so that a table that is made anew keeps the rows
            that refer to it; call `check_references` before the commit.
    """
    threads: WeakSet[threading.Thread] = WeakSet()
    file = sqlite_file.DatabaseFile(file_of(url))

    def connect(*args: Any, **options: Any) -> aiosqlite.Connection:
        if not file.is_in_place():  # SQLite would make an empty one
            raise StoreAway(sqlite_file.REPLACED)
        connection = aiosqlite.connect(*args, **options)
        parts: list[object] = [connection, *vars(connection).values()]  # before 0.22 it is a thread
        for thread in parts:
            if isinstance(thread, threading.Thread):
                thread.daemon = True  # an open connection must not keep the process alive
                threads.add(thread)
        return connection

    engine = create_async_engine(
        url,
        hide_parameters=True,
        json_serializer=serialize,
        pool_size=4,
        max_overflow=4,
        connect_args={"async_creator_fn": connect},
        execution_options={_THREADS: threads},
    )
    event.listen(engine.sync_engine, "connect", _on_connect)
    if migrating:
        event.listen(engine.sync_engine, "connect", _without_references)
    event.listen(engine.sync_engine, "begin", _on_begin)
    return engine


async def dispose(engine: AsyncEngine) -> None:
    """Close every connection, and wait for their threads to end (`BUSY_MS` at most).

    aiosqlite does not wait for the thread of a connection whose opening was cancelled. That thread
    would send its result to a closed event loop and print a traceback.
    """
    await engine.dispose()
    threads: WeakSet[threading.Thread] = engine.get_execution_options()[_THREADS]
    await asyncio.to_thread(_join, list(threads))


def _join(threads: list[threading.Thread]) -> None:
    until_s = time.monotonic() + BUSY_MS / 1000
    for thread in threads:
        thread.join(max(0.0, until_s - time.monotonic()))


def check_references(connection: Connection) -> None:
    """Check all foreign keys.

    Raises:
        sqlite3.IntegrityError: A row refers to a missing one.
    """
    broken = connection.execute(text("PRAGMA foreign_key_check")).first()
    if broken is not None:
        raise sqlite3.IntegrityError(f"a row of {broken[0]} refers to none in {broken[2]}")


def file_of(url: URL) -> Path:
    return Path(url.database or "")


def is_away(error: BaseException) -> bool:
    """Return whether the file is locked or the disk fails, so that a retry may succeed."""
    return _code(error) in _AWAY or isinstance(error, OSError)


def explain_away(error: BaseException) -> str:
    """Return why a write failed, with the remedy and without the name of the file."""
    match _code(error):
        case sqlite3.SQLITE_FULL:
            return sqlite_file.FULL
        case sqlite3.SQLITE_READONLY:
            return sqlite_file.READ_ONLY
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return "another program holds the database's write lock; end it"
        case _:
            return "the database file cannot be read or written; see the system's log of its disk"


def _code(error: BaseException) -> int | None:
    """Return the kind of an error of SQLite; None for another error."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    code: int | None = getattr(cause, "sqlite_errorcode", None)
    return None if code is None else code & _PRIMARY


def is_unstorable(error: BaseException) -> bool:
    """Return whether a text contains half a surrogate pair."""
    return isinstance(error, UnicodeEncodeError)


@contextmanager
def lock_for_preparation(path: Path) -> Iterator[None]:
    """Lock the database against preparation by other processes, and make its folder.

    SQLite's own locks are not enough: it refuses to switch a file to write-ahead logging while
    another process has it open.

    Raises:
        OSError: The folder cannot be made or read.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


@contextmanager
def lock_for_server(path: Path) -> Iterator[None]:
    """Lock the database for one server. The end of the process releases the lock in any case.

    Raises:
        BlockingIOError: Another server has the lock.
        OSError: The folder cannot be made or written.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(path.with_name(path.name + ".lock"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(lock)


@contextmanager
def lock_database(path: Path) -> Iterator[None]:
    """Lock the database for one server, with errors for the operator.

    Raises:
        ConfigurationError: Another server has the lock, or the folder cannot be written.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(lock_for_server(path))
        except BlockingIOError as error:
            raise ConfigurationError(
                f"the database {path} is in use by another server; stop that one, or give "
                "EARSHOT_DATA_DIR another folder"
            ) from error
        except OSError as error:
            raise unusable(path, error) from error
        yield


def unusable(path: Path, error: OSError | sqlite3.Error | DBAPIError) -> ConfigurationError:
    match error:
        case OSError():
            cause = str(error.strerror)
        case DBAPIError():
            cause = str(error.orig)
        case _:
            cause = str(error)
    return ConfigurationError(
        f"the database {path} cannot be used: {cause}; give EARSHOT_DATA_DIR a folder "
        "that this user may write, or move the file away"
    )


def prepare_file(path: Path) -> None:
    """Make the database file, readable for its owner only. An existing file does not change.

    Raises:
        OSError: The file cannot be made or written.
        sqlite3.Error: An existing file cannot be opened or is not a SQLite database.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    # Opened here first, because aiosqlite leaves a thread behind when opening fails.
    with closing(sqlite3.connect(path, timeout=BUSY_MS / 1000)) as connection:
        connection.execute("PRAGMA schema_version")


async def empty_log(engine: AsyncEngine) -> bool:
    """Copy the write-ahead log into the file and empty it, so that it has no expired words.

    Returns:
        False if a reader was in the way for longer than `BUSY_MS`; the next call does the rest.
    """
    async with engine.execution_options(**{BEGIN: "NONE"}).connect() as connection:
        # This one lets writers go on, so that the next has little to copy.
        await connection.execute(text("PRAGMA wal_checkpoint(PASSIVE)"))
        found = await connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
        busy: int = found.scalar_one()
    return not busy


def _on_connect(connection: Any, _record: object) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _without_references(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys=OFF")
    cursor.close()


def _on_begin(connection: Connection) -> None:
    kind = connection.get_execution_options().get(BEGIN, "DEFERRED")
    if kind != "NONE":
        connection.exec_driver_sql(f"BEGIN {kind}")
