"""Fixtures of all tests: asyncio, checks for leaked tasks and threads, and real servers."""

from __future__ import annotations

import asyncio
import functools
import inspect
import shutil
import threading
from collections.abc import AsyncIterator, Generator, Iterator, Sequence, Set
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from service.storage.engine import Database
from service.storage.schema import migrate
from tests.needs import NEEDS, Need, Part
from tests.postgres import Postgres
from tests.processes import fail_if_ended, failing_early, guarded
from tests.redis import RedisServer
from tests.rulebook.child import CHILD
from tests.server import Server

# A slow or busy machine is no reason for a property to fail: pytest's own time-out is enough.
settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")

_PROCESSES = [Path(__file__).parent / folder for folder in ("blackbox", "console", "drills", "e2e")]
"""Tests of servers and commands, whose processes count for coverage. Other tests cover the code
that these run in this process, and tracing it would double their time."""


@functools.cache
def missing_parts(need: Need) -> Sequence[Part]:
    """Return the missing parts of a need. Checked once, and only for tests that run."""
    return need.missing()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and item.get_closest_marker("anyio"):
            item.fixturenames.insert(0, "no_leaked_tasks")
        if any(folder in item.path.parents for folder in _PROCESSES):
            item.add_marker("no_cover")
        for need in NEEDS:
            if item.get_closest_marker(need.marker) and (missing := missing_parts(need)):
                item.add_marker(
                    pytest.mark.skip(reason=f"{need.marker} tests: {need.reason(missing)}")
                )


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Fail a test at once when a helper process ends early."""
    fail_if_ended(pyfuncitem.funcargs.values())
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        with failing_early():
            return (yield)
    test = pyfuncitem.obj
    pyfuncitem.obj = guarded(test)
    try:
        return (yield)
    finally:
        pyfuncitem.obj = test


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
    """Report at the end, in red, the tests that were skipped for a missing program or registry."""
    yield
    skipped = terminalreporter.stats.get("skipped", [])
    for need in NEEDS:
        count = sum(f"{need.marker} tests: " in str(report.longrepr) for report in skipped)
        if count:
            missing = missing_parts(need)
            reason = need.reason(missing)
            line = f"LOUD: {count} tests skipped: {reason}; to run them: {need.install(missing)}"
            terminalreporter.write_line(line, red=True, bold=True)
    for report in skipped:
        _, loud, reason = str(report.longrepr).rstrip(")'\"").partition("LOUD: ")
        if loud:
            terminalreporter.write_line(loud + reason, red=True, bold=True)


@pytest.fixture
async def no_leaked_tasks(anyio_backend: str) -> AsyncIterator[None]:
    """Fail an asynchronous test that leaves a task behind."""
    before = asyncio.all_tasks()
    yield
    leaked = left_behind(before)
    assert not leaked, f"leaked tasks: {leaked}"


def left_behind(before: Set[asyncio.Task[Any]]) -> list[asyncio.Task[Any]]:
    """Return the running tasks that did not run before."""
    return [task for task in asyncio.all_tasks() - before if not (task.done() or _ours(task))]


def _ours(task: asyncio.Task[object]) -> bool:
    """Return whether this is the task in which anyio's runner calls fixtures and tests."""
    return getattr(task.get_coro(), "__name__", "") == "_call_in_runner_task"


@pytest.fixture(scope="session", autouse=True)
def no_leaked_child() -> Iterator[None]:
    """Stop the child process that tests share."""
    yield
    CHILD.stop()


@pytest.fixture(autouse=True)
def no_leaked_threads() -> Iterator[None]:
    """Fail a test that leaves a thread of a model or a decoder behind."""
    yield
    leaked = [t.name for t in threading.enumerate() if t.name.startswith(("asr-", "audio-"))]
    assert not leaked, f"leaked threads: {leaked}"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Server for one test, with the demo model."""
    with Server(tmp_path / "data") as server:
        yield server


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Server for all tests of a module that do not change it."""
    with Server(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """PostgreSQL for all tests, each with a database of its own."""
    with Postgres() as postgres:
        yield postgres


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """PostgreSQL for one test, which may stop it."""
    with Postgres() as postgres:
        yield postgres


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisServer]:
    """Redis for all tests, each with a model name of its own."""
    with RedisServer() as redis:
        yield redis


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """Redis for one test, which may stop it."""
    with RedisServer() as redis:
        yield redis


@pytest.fixture
def backend() -> str:
    """Kind of database; tests/storage runs on each kind."""
    return "sqlite"


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SQLite database with all tables, empty, as a template to copy."""
    path = tmp_path_factory.mktemp("migrated") / "earshot.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def url(backend: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """URL of a new or empty database; for a test with `database`, the URL of that one."""
    migrated = "database" in request.fixturenames
    if backend == "sqlite":
        path = request.getfixturevalue("tmp_path") / "earshot.db"
        if migrated:
            shutil.copy(request.getfixturevalue("migrated_file"), path)
        yield f"sqlite:///{path}"
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    with postgres.database(migrated=migrated) as url:
        yield url


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    database = Database(url)
    yield database
    await database.close()
