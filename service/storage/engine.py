"""The database: one writer at a time, many readers, and a signal after each commit."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from service.errors import ConfigurationError
from service.storage import sqlite


class Database:
    """Transactions on one database.

    Its schema must be there already; `open_database` sees to that. Call `close()` at the end.
    """

    def __init__(self, url: str) -> None:
        self._engine = make_engine(parse_url(url))
        self._writing = asyncio.Lock()
        self._committed = asyncio.Event()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that may change things: committed at the end, undone by an exception.

        Everyone who waits on `next_commit` wakes after the commit, never before.
        """
        engine = self._engine.execution_options(**{sqlite.BEGIN: "IMMEDIATE"})
        async with self._writing, engine.begin() as connection:
            yield connection
        self._committed.set()
        self._committed = asyncio.Event()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that sees one moment of the database and changes nothing."""
        async with self._engine.connect() as connection:
            yield connection

    def next_commit(self) -> asyncio.Event:
        """Set after the next commit in this process. Ask for it before looking at the tables."""
        return self._committed

    async def forget_deleted(self) -> None:
        """Leave no deleted words in the files beside the database."""
        await sqlite.empty_log(self._engine)

    async def close(self) -> None:
        await self._engine.dispose()


def make_engine(url: URL) -> AsyncEngine:
    engine = create_async_engine(
        url, hide_parameters=True, json_serializer=_compact, pool_size=4, max_overflow=4
    )
    sqlite.prepare(engine.sync_engine)
    return engine


def parse_url(url: str) -> URL:
    """The URL with its driver.

    Raises:
        ConfigurationError: It is no URL of a database that this version can use.
    """
    remedy = "give one such as sqlite:////var/lib/earshot/earshot.db"
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigurationError(f"EARSHOT_DATABASE_URL is not a database URL; {remedy}") from error
    if parsed.get_backend_name() != "sqlite":
        kind = parsed.get_backend_name()
        raise ConfigurationError(f"EARSHOT_DATABASE_URL: this version cannot use {kind}; {remedy}")
    if parsed.database in (None, "", ":memory:"):
        raise ConfigurationError(f"EARSHOT_DATABASE_URL names no file; {remedy}")
    return parsed.set(drivername="sqlite+aiosqlite")


def file_of(url: URL) -> Path:
    return Path(url.database or "")


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
