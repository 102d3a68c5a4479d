"""Rebuilding of a SQLite file, so that no expired word is left in it.

`secure_delete` overwrites a deleted row where it is. But when rows are deleted, SQLite moves their
neighbours to other pages, and copies of those stay in the unused part of a page after they are
deleted too (SQLite 3.40: of 8,984 deleted texts, 9 were still in the file). VACUUM writes the whole
file anew, and leaves nothing of them.

VACUUM holds the write lock. So a file of up to `SMALL_BYTES` is rebuilt at once; a larger one when
nobody writes (a writer interrupts it), and regardless of writers once it is `OVERDUE` late.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

SMALL_BYTES = 32 << 20
"""Size up to which a file is rebuilt while writers wait: some 0.4 s."""
OVERDUE = timedelta(hours=24)
"""Longest time for which a large file waits for a moment without writers."""

_BUSY_S = 5.0
_INTERRUPTIBLE_EVERY = 10_000
"""Steps of SQLite's machine after which an interruption is noticed, about a millisecond."""


class Compaction:
    """One attempt to rebuild a file. `run` blocks; call it on a thread.

    Args:
        yields: Whether a waiting writer interrupts it.
    """

    def __init__(self, path: Path, *, yields: bool) -> None:
        self._path = path
        self._yields = yields
        self._stopped = False

    def run(self) -> bool:
        """Rebuild the file. Returns: False if a writer interrupted it.

        Raises:
            sqlite3.Error: The disk is full, or another process holds the file.
        """
        with closing(self._open()) as connection:
            try:
                connection.execute("VACUUM")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                    raise
                return False
        return True

    def let_writer_in(self) -> None:
        """Interrupt the attempt for a waiting writer, if it yields to writers."""
        if self._yields:
            self._stopped = True

    def interrupt(self) -> None:
        """Interrupt the attempt."""
        self._stopped = True

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{self._path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=_BUSY_S,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.execute("PRAGMA secure_delete=ON")
        if self._path.stat().st_size <= SMALL_BYTES:
            connection.execute("PRAGMA temp_store=MEMORY")
        else:  # the folder of the database is as well protected as its file; /tmp may not be
            os.environ.setdefault("SQLITE_TMPDIR", str(self._path.absolute().parent))
        connection.set_progress_handler(lambda: self._stopped, _INTERRUPTIBLE_EVERY)
        return connection


def must_run(size_bytes: int, last: datetime | None, now: datetime) -> bool:
    """Return whether a file is rebuilt now, even if writers must wait.

    Args:
        last: Time of the last rebuilding; None for never.
    """
    return size_bytes <= SMALL_BYTES or last is None or now - last >= OVERDUE
