"""Bringing a database's tables to this program's version."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from sqlite3 import Error

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, inspect
from sqlalchemy.exc import DBAPIError

from service.errors import ConfigurationError
from service.storage import sqlite
from service.storage.engine import Database, file_of, make_engine, parse_url

_MIGRATIONS = Path(__file__).parent / "migrations"


async def open_database(url: str) -> Database:
    """Make the file if need be, migrate it to this program's schema, and open it.

    Raises:
        ConfigurationError: The place cannot be written, or holds something else than a database
            that this program can use.
    """
    await asyncio.to_thread(migrate, url)
    return Database(url)


@contextmanager
def for_one_server(url: str) -> Iterator[None]:
    """Keep a second server from the same database, where each would tell of the other's speakers.

    Raises:
        ConfigurationError: Another server has it, or the place cannot be written.
    """
    path = file_of(parse_url(url))
    with ExitStack() as stack:
        try:
            stack.enter_context(sqlite.held(path))
        except BlockingIOError as error:
            raise ConfigurationError(
                f"the database {path} is in use by another server; stop that one, or give "
                "EARSHOT_DATA_DIR another folder"
            ) from error
        except OSError as error:
            raise _unusable(path, error) from error
        yield


def migrate(url: str, revision: str = "head") -> None:
    """Bring the schema to a revision, up or down. Blocks; must not run on an event loop.

    Of two processes that start at once the second waits for the first.

    Raises:
        ConfigurationError: As `open_database`.
    """
    parsed = parse_url(url)
    path = file_of(parsed)
    try:
        with sqlite.alone(path):
            sqlite.prepare_file(path)
            asyncio.run(_migrate(parsed, revision))
    except (OSError, Error, DBAPIError) as error:
        raise _unusable(path, error) from error


def _unusable(path: Path, error: OSError | Error | DBAPIError) -> ConfigurationError:
    return ConfigurationError(
        f"the database {path} cannot be used: {_cause(error)}; give EARSHOT_DATA_DIR a folder "
        "that this user may write, or move the file away"
    )


async def _migrate(url: URL, revision: str) -> None:
    logging.getLogger("alembic").setLevel(logging.WARNING)
    engine = make_engine(url)
    try:
        writer = engine.execution_options(**{sqlite.BEGIN: "IMMEDIATE"})
        async with writer.begin() as connection:
            await connection.run_sync(_run, file_of(url), revision)
    finally:
        await engine.dispose()


def _run(connection: Connection, path: Path, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    _refuse_unknown(connection, path, ScriptDirectory.from_config(config))
    config.attributes["connection"] = connection
    if revision == "base" or revision.startswith("-"):
        command.downgrade(config, revision)
    else:
        command.upgrade(config, revision)


def _refuse_unknown(connection: Connection, path: Path, scripts: ScriptDirectory) -> None:
    current = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in scripts.walk_revisions()}
    if current is not None and current not in known:
        raise ConfigurationError(
            f"the database {path} has schema {current}, which is newer than this program; install "
            "the earshot that wrote it, or give EARSHOT_DATA_DIR another folder"
        )
    tables = set(inspect(connection).get_table_names()) - {"alembic_version"}
    if current is None and tables:
        raise ConfigurationError(
            f"the database {path} belongs to another program (it has a table {min(tables)!r}); "
            "give EARSHOT_DATA_DIR another folder"
        )


def _cause(error: OSError | Error | DBAPIError) -> str:
    match error:
        case OSError():
            return str(error.strerror)
        case DBAPIError():
            return str(error.orig)
        case _:
            return str(error)
