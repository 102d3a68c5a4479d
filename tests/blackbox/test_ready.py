"""`/readyz` is true: it says ready only if what is heard can be stored."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.postgres import Postgres
from tests.server import Server

LIMIT_S = 30.0


def is_mountable() -> bool:
    """Return whether this user may mount a file system in a namespace."""
    if shutil.which("unshare") is None:
        return False
    probe = "unshare --mount --map-root-user --user mount -t tmpfs none /mnt"
    return subprocess.run(probe.split(), capture_output=True, check=False).returncode == 0


needs_mount = pytest.mark.skipif(
    not is_mountable(), reason="LOUD: this user may not mount a tmpfs in a namespace"
)


@contextlib.contextmanager
def on_small_disk(folder: Path, size: str) -> Iterator[tuple[Server, Path]]:
    """Start a server whose data folder is a file system of this size. Yields its path from here."""
    data = folder / "disk"
    data.mkdir()
    script = f'mount -t tmpfs -o size={size} none "$0" && exec "$@"'
    prefix = ["unshare", "--mount", "--user", "--map-root-user", "sh", "-c", script, str(data)]
    with Server(data, prefix=prefix) as server:
        assert server.process is not None
        yield server, Path(f"/proc/{server.process.pid}/root{data}")


def answer_of(server: Server, holds: Callable[[httpx.Response], bool]) -> httpx.Response:
    """Return the first answer of `/readyz` for which this holds."""
    deadline = time.monotonic() + LIMIT_S
    with server.client() as client:
        while not holds(answer := client.get("/readyz")):
            assert time.monotonic() < deadline, answer.text
            time.sleep(0.1)
    return answer


def is_ready(answer: httpx.Response) -> bool:
    return answer.status_code == 200


def is_unready(answer: httpx.Response) -> bool:
    return answer.status_code == 503


@needs_mount
def test_a_full_disk_is_not_ready_until_there_is_space_again(tmp_path: Path) -> None:
    with on_small_disk(tmp_path, "8m") as (server, disk):
        answer_of(server, is_ready)
        filler = disk / "filler"
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))
        problem = answer_of(server, is_unready).json()
        assert problem["title"] == "Not ready"
        assert "disk of the database is full; free some space" in problem["detail"]
        assert str(disk) not in problem["detail"], "whoever has no key learns no path"
        filler.unlink()
        answer_of(server, is_ready)


def test_a_deleted_database_file_is_not_ready_until_it_is_back(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        answer_of(server, is_ready)
        for file in tmp_path.glob("earshot.db*"):
            file.rename(file.with_name("away-" + file.name))
        problem = answer_of(server, is_unready).json()
        assert "file was deleted or replaced while the server runs" in problem["detail"]
        shutil.copy(tmp_path / "away-earshot.db", tmp_path / "earshot.db")
        assert "deleted or replaced" in answer_of(server, is_unready).json()["detail"]
        for file in tmp_path.glob("away-*"):
            file.rename(file.with_name(file.name.removeprefix("away-")))
        answer_of(server, is_ready)


@pytest.mark.drill
def test_a_database_that_another_program_holds_delays_no_probe_for_long(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        answer_of(server, is_ready)
        with contextlib.closing(sqlite3.connect(tmp_path / "earshot.db")) as other:
            other.execute("BEGIN IMMEDIATE")
            problem = answer_of(server, is_unready).json()
            assert "has not taken a write" in problem["detail"] or "holds" in problem["detail"]
            with ThreadPoolExecutor(20) as many:
                answers = list(many.map(lambda _: answer_of(server, is_unready), range(20)))
            assert len(answers) == 20
        answer_of(server, is_ready)


@pytest.mark.drill
@needs_mount
def test_a_file_that_may_not_be_written_is_not_ready(tmp_path: Path) -> None:
    nobody_special = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
    with Server(tmp_path, prefix=nobody_special) as server:
        answer_of(server, is_ready)
        (tmp_path / "earshot.db").chmod(0o400)
        problem = answer_of(server, is_unready).json()
        assert "file cannot be written; let the server's user write it" in problem["detail"]
        (tmp_path / "earshot.db").chmod(0o600)
        answer_of(server, is_ready)


@pytest.mark.drill
@pytest.mark.postgres
def test_a_postgresql_that_takes_no_writes_is_not_ready(
    own_postgres: Postgres, tmp_path: Path
) -> None:
    with own_postgres.database() as url:
        name = url.rpartition("/")[2]
        with Server(tmp_path, EARSHOT_DATABASE_URL=url) as server:
            answer_of(server, is_ready)
            own_postgres.sql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
            end_sessions = (
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                f" WHERE datname = '{name}' AND pid <> pg_backend_pid()"
            )
            own_postgres.sql(end_sessions)
            wanted = "read-only or in recovery"
            answer_of(server, lambda answer: wanted in answer.text)
            own_postgres.sql(f"ALTER DATABASE {name} RESET default_transaction_read_only")
            own_postgres.sql(end_sessions)
            answer_of(server, is_ready)
