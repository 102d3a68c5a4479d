"""Tests for SQLite and its file only."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from service.errors import ConfigurationError
from service.storage.engine import Database
from service.storage.schema import migrate, open_database


@pytest.fixture
def backend() -> str:
    return "sqlite"


@pytest.mark.anyio
async def test_every_connection_has_the_settings_that_the_promises_need(database: Database) -> None:
    async with database.read() as connection:
        found = {
            pragma: await connection.scalar(text(f"PRAGMA {pragma}"))
            for pragma in (
                "journal_mode",
                "synchronous",
                "foreign_keys",
                "busy_timeout",
                "secure_delete",
            )
        }
    assert found == {
        "journal_mode": "wal",
        "synchronous": 1,
        "foreign_keys": 1,
        "busy_timeout": 5000,
        "secure_delete": 1,
    }


def test_a_read_that_is_cancelled_as_its_connection_opens_leaves_no_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening, cancelled, connect = threading.Event(), threading.Event(), sqlite3.connect

    def connect_slowly(*args: Any, **options: Any) -> sqlite3.Connection:
        opening.set()
        cancelled.wait(30)
        connection: sqlite3.Connection = connect(*args, **options)
        return connection

    async def read_and_cancel() -> None:
        database = await open_database(f"sqlite:///{tmp_path}/earshot.db")
        monkeypatch.setattr(sqlite3, "connect", connect_slowly)
        reading = asyncio.create_task(database.check())
        await asyncio.to_thread(opening.wait, 30)
        reading.cancel()
        await asyncio.wait([reading])
        asyncio.get_running_loop().call_later(0.2, cancelled.set)
        await database.close()

    before = set(threading.enumerate())
    asyncio.run(read_and_cancel())
    assert set(threading.enumerate()) <= before


@pytest.mark.anyio
async def test_the_file_and_its_folder_are_for_their_owner_alone(tmp_path: Path) -> None:
    database = await open_database(f"sqlite:///{tmp_path}/new/earshot.db")
    async with database.write():
        pass
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "new").iterdir()}
    await database.close()
    assert modes["earshot.db"] == 0o600
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


def test_a_file_that_is_no_database_is_refused(url: str, tmp_path: Path) -> None:
    (tmp_path / "earshot.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(ConfigurationError, match=r"earshot\.db cannot be used: file is not a data"):
        migrate(url)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="cannot be used: File exists; give EARSHOT_DATA"):
        migrate(f"sqlite:///{tmp_path}/file/earshot.db")


def test_a_folder_in_the_place_of_the_file_is_refused(url: str, tmp_path: Path) -> None:
    (tmp_path / "earshot.db").mkdir()
    with pytest.raises(ConfigurationError, match="cannot be used: unable to open database file"):
        migrate(url)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigurationError, match="Permission denied"):
        migrate(f"sqlite:///{tmp_path}/earshot.db")


@pytest.mark.anyio
async def test_a_path_may_contain_a_percent_sign(tmp_path: Path) -> None:
    database = await open_database(f"sqlite:///{tmp_path}/100%/earshot.db")
    await database.close()
