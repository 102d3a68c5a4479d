"""State of a SQLite file on its disk: deleted, replaced, read-only, or on a full disk.

Nothing here opens the file: closing it again would end the locks that SQLite has on it
(https://sqlite.org/howtocorrupt.html, section 2.2).
"""

from __future__ import annotations

import os
from pathlib import Path

LEAST_FREE_BYTES = 1 << 20
"""Space that a disk must have. SQLite may write for a while without it, in a log that has room."""

REPLACED = (
    "the database file was deleted or replaced while the server runs; put the original file back, "
    "or stop the server, restore a backup and start it again"
)
LOG_REMOVED = (
    "the write-ahead log beside the database file was deleted while the server runs, and the "
    "newest entries with it; restart the server"
)
READ_ONLY = (
    "the database file cannot be written; let the server's user write it and its folder, and "
    "check that the disk is not mounted read-only"
)
FULL = "the disk of the database is full; free some space on it"


class DatabaseFile:
    """A database file, known by its device and inode since it was first used."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._first = _identity(path)

    def is_in_place(self) -> bool:
        """Return whether the path still leads to the file that was there at first."""
        if self._first is None:
            self._first = _identity(self.path)
        return self._first == _identity(self.path)

    def size_bytes(self) -> int:
        """Return the size of the file without its log."""
        return self.path.stat().st_size

    def find_fault(self) -> str:
        """Return why the file cannot be used, with the remedy; empty if it can."""
        if not self.is_in_place():
            return REPLACED
        if not os.access(self.path, os.W_OK) or not os.access(self.path.parent, os.W_OK):
            return READ_ONLY
        disk = os.statvfs(self.path)
        if disk.f_bavail * disk.f_frsize < LEAST_FREE_BYTES:
            return FULL
        return ""

    def find_fault_after_write(self) -> str:
        """Return why a write that has succeeded is worth nothing; empty if it is."""
        if not self.is_in_place():
            return REPLACED
        log = self.path.with_name(self.path.name + "-wal")
        return "" if log.exists() else LOG_REMOVED


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
