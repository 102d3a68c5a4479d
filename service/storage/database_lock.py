"""Lock that admits one server to each database. Two would report each other's speakers.

SQLite: a lock on a file beside the database. PostgreSQL: an advisory lock of a separate session,
which ends with the process. If that session is lost (PostgreSQL restarts, the network is cut), this
server writes nothing until it has the lock again. If another server gets the lock first, it stops.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import uuid4

import asyncpg
import structlog
from sqlalchemy import URL

from service.errors import ConfigurationError
from service.storage import postgres, sqlite
from service.storage.engine import is_sqlite, parse_url

log = structlog.get_logger()

PATIENCE_S = 5.0
"""Wait for the lock, because a server that was just killed may hold it for some moments more."""
_AGAIN_S = 0.25
_LOOK_EVERY_S = 5.0
_FAILURES = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)


class DatabaseLock:
    """Lock on a database, held by this process.

    Attributes:
        lost: Set when another server has the lock; `why_not` then returns a sentence about it.
    """

    def __init__(self) -> None:
        self.lost = asyncio.Event()
        self._why_not = ""

    def why_not(self) -> str:
        """Return why this process may not write now; empty if it may."""
        return self._why_not


@asynccontextmanager
async def lock_database(url: str, patience_s: float = PATIENCE_S) -> AsyncIterator[DatabaseLock]:
    """Hold the lock on a database.

    Raises:
        ConfigurationError: Another server has the lock, or the database cannot be used.
    """
    parsed = parse_url(url)
    if is_sqlite(parsed):
        with sqlite.lock_database(sqlite.file_of(parsed)):
            yield DatabaseLock()
        return
    session = _Session(parsed)
    try:
        await session.acquire_lock(patience_s)
    except _FAILURES as error:
        raise ConfigurationError(postgres.explain_failure(parsed, error)) from None
    keeping = asyncio.create_task(session.keep(patience_s), name="one server")
    try:
        yield session
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping
        await session.close()


class _Session(DatabaseLock):
    """Session of PostgreSQL that holds the lock."""

    def __init__(self, url: URL) -> None:
        super().__init__()
        self._url = url
        # Finds an earlier session of this process that PostgreSQL has not closed yet.
        self._name = f"earshot server {uuid4().hex[:12]}"
        self._connection: Any = None
        self._ended = asyncio.Event()

    async def acquire_lock(self, patience_s: float) -> None:
        """Wait for the lock.

        Raises:
            ConfigurationError: Another server has held it for `patience_s` seconds.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + patience_s
        connection = await postgres.connect(self._url, name=self._name, answer_s=_LOOK_EVERY_S)
        try:
            while not await connection.fetchval(
                "SELECT pg_try_advisory_lock($1)", postgres.SERVER_LOCK
            ):
                holder = await connection.fetchrow(_HOLDER, postgres.SERVER_LOCK)
                if holder is not None and holder["name"] == self._name:
                    await connection.execute("SELECT pg_terminate_backend($1)", holder["pid"])
                elif loop.time() >= deadline:
                    raise ConfigurationError(self._taken(holder))
                await asyncio.sleep(_AGAIN_S)
        except BaseException:
            connection.terminate()
            raise
        self._ended.clear()
        connection.add_termination_listener(lambda _: self._ended.set())
        self._connection = connection

    async def keep(self, patience_s: float) -> None:
        """Acquire the lock again each time it is lost. Ends when another server has it."""
        while True:
            await self._until_ended()
            self._why_not = "the database was away and is not held by this server yet"
            log.warning("database.hold_lost")
            if not await self._taken_again(patience_s):
                self.lost.set()
                return
            self._why_not = ""
            log.info("database.held_again")

    async def close(self) -> None:
        if self._connection is not None:
            with suppress(*_FAILURES):
                await self._connection.close(timeout=2)

    async def _until_ended(self) -> None:
        """Wait for the end of the session. Checks it regularly: a cut network closes nothing."""
        while not self._ended.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY_S):
                    await self._ended.wait()
                return
            try:
                await self._connection.execute("SELECT 1")
            except _FAILURES:
                self._connection.terminate()
                return

    async def _taken_again(self, patience_s: float) -> bool:
        while True:
            try:
                await self.acquire_lock(patience_s)
            except ConfigurationError as error:
                self._why_not = str(error)
                return False
            except _FAILURES:
                await asyncio.sleep(_AGAIN_S)
            else:
                return True

    def _taken(self, holder: Any) -> str:
        by = f" ({holder['address']})" if holder and holder["address"] else ""
        location = postgres.describe_location(self._url)
        return (
            f"the database {location} is in use by another server{by}; stop that one, or give "
            "EARSHOT_DATABASE_URL another database"
        )


_HOLDER = """
SELECT a.pid, a.application_name AS name, host(a.client_addr) AS address
FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND (l.classid::bigint << 32) | l.objid::bigint = $1
"""
