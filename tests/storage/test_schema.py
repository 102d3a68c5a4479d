from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect

from service.errors import ConfigurationError
from service.storage.engine import Database
from service.storage.schema import migrate, open_database
from service.storage.tables import metadata


def test_the_migrations_make_exactly_the_tables_that_the_code_uses(
    url: str, tmp_path: Path
) -> None:
    migrate(url)
    engine = create_engine(f"sqlite:///{tmp_path}/earshot.db")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_the_migrations_go_down_to_nothing_and_up_again(url: str, tmp_path: Path) -> None:
    migrate(url)
    migrate(url, "base")
    engine = create_engine(f"sqlite:///{tmp_path}/earshot.db")
    assert inspect(engine).get_table_names() == ["alembic_version"]
    engine.dispose()
    migrate(url)


@pytest.mark.anyio
async def test_two_processes_may_migrate_one_file_at_the_same_time(url: str) -> None:
    databases = await asyncio.gather(*(open_database(url) for _ in range(4)))
    for database in databases:
        await database.close()


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


def test_a_schema_from_the_future_is_refused_and_left_alone(url: str, tmp_path: Path) -> None:
    migrate(url)
    with sqlite3.connect(tmp_path / "earshot.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(ConfigurationError, match="has schema 9999, which is newer than this"):
        migrate(url)


def test_the_database_of_another_program_is_refused(url: str, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "earshot.db") as connection:
        connection.execute("CREATE TABLE recipes (id INTEGER)")
    connection.close()
    with pytest.raises(ConfigurationError, match="another program .it has a table 'recipes'."):
        migrate(url)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("not a url", "is not a database URL"),
        ("sqlite://", "names no file"),
        ("postgresql://user:secret@host/db", "cannot use postgresql"),
    ],
)
def test_an_unusable_address_is_refused_without_repeating_it(url: str, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason) as caught:
        Database(url)
    assert "secret" not in str(caught.value)


@pytest.mark.anyio
async def test_a_path_may_contain_a_percent_sign(tmp_path: Path) -> None:
    database = await open_database(f"sqlite:///{tmp_path}/100%/earshot.db")
    await database.close()
