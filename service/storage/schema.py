"""Migration of a database to the schema of this version."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Error

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, inspect
from sqlalchemy.exc import DBAPIError

from service.errors import ConfigurationError
from service.storage import postgres, sqlite
from service.storage.engine import Database, is_sqlite, make_engine, parse_url, writer_options

MIGRATIONS = Path(__file__).parent / "migrations"


async def open_database(url: str, *, may_write: Callable[[], str] = lambda: "") -> Database:
    """Open a database. Makes a SQLite file if there is none, and migrates the schema.

    Raises:
        ConfigurationError: It cannot be reached or written, or has tables that this program cannot
            use.
    """
    await asyncio.to_thread(migrate, url)
    return Database(url, may_write=may_write)


def migrate(url: str, revision: str = "head") -> None:
    """Migrate the schema to a revision, up or down. Blocks; must not run on an event loop.

    A second process that starts at the same time waits for the first.

    Raises:
        ConfigurationError: The database cannot be used; see `open_database`.
    """
    parsed = parse_url(url)
    with _prepared(parsed):
        asyncio.run(_migrate(parsed, revision))


@contextmanager
def _prepared(url: URL) -> Iterator[None]:
    if is_sqlite(url):
        path = sqlite.file_of(url)
        try:
            with sqlite.lock_for_preparation(path):
                sqlite.prepare_file(path)
                yield
        except (OSError, Error, DBAPIError) as error:
            raise sqlite.unusable(path, error) from error
    else:
        try:
            yield
        except (OSError, DBAPIError, asyncpg.InterfaceError, asyncpg.PostgresError) as error:
            raise ConfigurationError(postgres.explain_failure(url, error)) from None


async def _migrate(url: URL, revision: str) -> None:
    logging.getLogger("alembic").setLevel(logging.WARNING)
    engine = make_engine(url, migrating=True)
    try:
        writer = engine.execution_options(**writer_options(url))
        async with writer.begin() as connection:
            await connection.run_sync(_run, url, revision)
    finally:
        await engine.dispose()


def _run(connection: Connection, url: URL, revision: str) -> None:
    if not is_sqlite(url):
        postgres.refuse_unusable(connection, url)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    _refuse_unknown(connection, url, ScriptDirectory.from_config(config))
    config.attributes["connection"] = connection
    if revision == "base" or revision.startswith("-"):
        command.downgrade(config, revision)
    else:
        command.upgrade(config, revision)
    if is_sqlite(url):
        sqlite.check_references(connection)
    else:
        postgres.sort_by_bytes(connection)


def _refuse_unknown(connection: Connection, url: URL, scripts: ScriptDirectory) -> None:
    shown, elsewhere = str(sqlite.file_of(url)), "EARSHOT_DATA_DIR another folder"
    if not is_sqlite(url):
        shown, elsewhere = postgres.describe_location(url), "EARSHOT_DATABASE_URL another database"
    current = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in scripts.walk_revisions()}
    if current is not None and current not in known:
        raise ConfigurationError(
            f"the database {shown} has schema {current}, which is newer than this program; install "
            f"the earshot that wrote it, or give {elsewhere}"
        )
    tables = set(inspect(connection).get_table_names()) - {"alembic_version"}
    if current is None and tables:
        raise ConfigurationError(
            f"the database {shown} belongs to another program (it has a table {min(tables)!r}); "
            f"give {elsewhere}"
        )
