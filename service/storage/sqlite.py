"""Everything that is said to SQLite alone.

Python's driver opens transactions at moments of its own choosing; it is told not to, and BEGIN is
sent by us. A writer says BEGIN IMMEDIATE: it takes the write lock before it reads, so two
processes wait for each other (up to `BUSY_MS`) and never deadlock, and ids grow in commit order.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.ext.asyncio import AsyncEngine

BUSY_MS = 5_000
"""How long a statement waits for another process's write lock."""

BEGIN = "earshot_begin"
"""Execution option: `IMMEDIATE` for a writer, `DEFERRED` (the default) for a reader, or `NONE`."""

_PRAGMAS = (
    f"busy_timeout={BUSY_MS}",  # first: the next one may have to wait for another process
    "journal_mode=WAL",
    "synchronous=NORMAL",  # a power cut may lose the last commits, never the file
    "foreign_keys=ON",
    "secure_delete=ON",  # words that expire are overwritten, not only unlinked
)


def prepare(engine: Engine) -> None:
    """Set up every connection that the engine will open."""
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Keep other processes from preparing the same database meanwhile; make its folder.

    SQLite's own locks do not do: it refuses, at once, to switch a file to write-ahead logging
    while another process looks at it.

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
def held(path: Path) -> Iterator[None]:
    """Hold the database for one server; free again when the process ends, however it ends.

    Raises:
        BlockingIOError: Another server holds it.
        OSError: The folder cannot be made or written.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(path.with_name(path.name + ".lock"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(lock)


def prepare_file(path: Path) -> None:
    """Make the database's file, readable by its owner alone; an old one stays as it is.

    Raises:
        OSError: The file cannot be made or written.
        sqlite3.Error: What is there cannot be opened, or is no SQLite database.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    # Tried here, because aiosqlite leaves a thread behind where opening fails.
    with closing(sqlite3.connect(path, timeout=BUSY_MS / 1000)) as connection:
        connection.execute("PRAGMA schema_version")


async def empty_log(engine: AsyncEngine) -> None:
    """Fold the write-ahead log into the file and empty it, so that it holds no expired words.

    Does what it can while others read or write; the next call does the rest.
    """
    async with engine.execution_options(**{BEGIN: "NONE"}).connect() as connection:
        await connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))


def _on_connect(connection: Any, _record: object) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _on_begin(connection: Connection) -> None:
    kind = connection.get_execution_options().get(BEGIN, "DEFERRED")
    if kind != "NONE":
        connection.exec_driver_sql(f"BEGIN {kind}")
