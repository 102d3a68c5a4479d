"""Real PostgreSQL for tests, on a free port, with its files in a temporary folder.

The folder is in memory if there is room, because a database has some 600 files and most tests have
one of their own.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from service.storage.schema import migrate
from tests.needs import postgres_programs
from tests.processes import Helper

USER, PASSWORD = "earshot", "a-test's password/%40"
_QUOTED = "a-test%27s%20password%2F%2540"
_START_S = 30.0
_MEMORY = Path("/dev/shm")
_ROOM_BYTES = 1 << 30
_CONF = """
listen_addresses = '127.0.0.1'
max_connections = 200
shared_buffers = 32MB
# What the operating system has is enough for tests; a killed process loses none of it.
fsync = off
full_page_writes = off
max_wal_size = 256MB
log_min_messages = fatal
track_commit_timestamp = on
dynamic_shared_memory_type = mmap # a crash leaves nothing outside our folder
"""


class Postgres:
    """Server that starts on entering and can be stopped and started.

    Its databases sort by the rules of English, not by bytes.
    """

    def __init__(self) -> None:
        programs = postgres_programs()
        assert programs is not None
        self._programs = programs
        self._folder = Path(tempfile.mkdtemp(prefix="earshot-postgres-", dir=_in_memory()))
        self._port = _free_port()
        self._process: Helper | None = None
        self._numbers = count(1)

    def __enter__(self) -> Self:
        try:
            self._make_files()
            self.start()
            self.sql(f"CREATE ROLE {USER} LOGIN CREATEDB PASSWORD $${PASSWORD}$$")
            self.sql(f"CREATE DATABASE migrated OWNER {USER}")
            migrate(self.url("migrated"))
        except BaseException:
            self._clean_up()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._clean_up()

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self._process = Helper(
            "postgres",
            [
                *_as_postgres(),
                self._programs / "postgres",
                *("-D", self._folder / "data"),
                *("-k", self._folder, "-p", str(self._port)),
            ],
            self._folder / "log",
            env=_ENVIRONMENT,
            cwd="/",
        )
        self._process.wait_until(
            lambda: self._psql("SELECT 1").returncode == 0, _START_S, every_s=0.05
        )

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop the server. SIGINT ends its sessions; SIGQUIT is a crash, followed by recovery."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(how)
            process.wait(20)

    def url(self, name: str, *, password: str = _QUOTED) -> str:
        return f"postgresql://{USER}:{password}@127.0.0.1:{self._port}/{name}"

    @property
    def port(self) -> int:
        return self._port

    @property
    def socket_folder(self) -> Path:
        """Folder of the Unix socket, which lets everybody in."""
        return self._folder

    def serve_tls(self, certificate: bytes, key: bytes) -> None:
        """Serve TLS, beside connections without it, with a certificate and its key in PEM."""
        for name, content in (("server.crt", certificate), ("server.key", key)):
            path = self._folder / "data" / name
            path.write_bytes(content)
            path.chmod(0o600)
            if _as_postgres():
                shutil.chown(path, "postgres", "postgres")
        self.sql("ALTER SYSTEM SET ssl = on")
        self.sql("SELECT pg_reload_conf()")
        process = self._process
        assert process is not None
        process.wait_until(lambda: self.sql("SHOW ssl") == "on", _START_S, every_s=0.05)

    @contextmanager
    def database(self, *, migrated: bool = False) -> Iterator[str]:
        """Yield the URL of a new database, without tables or with all, and drop it afterwards."""
        name = f"test_{next(self._numbers)}"
        template = "migrated" if migrated else "template0"
        self.sql(f"CREATE DATABASE {name} OWNER {USER} TEMPLATE {template}")
        try:
            yield self.url(name)
        finally:
            if self._process is not None:
                self.sql(f"DROP DATABASE {name} WITH (FORCE)")

    def sql(self, statement: str, database: str = "postgres") -> str:
        """Run SQL as superuser. Returns: the answer, a line for each row."""
        done = self._psql(statement, database)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def _psql(self, statement: str, database: str = "postgres") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                self._programs / "psql",
                *("-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"),
                *("-h", self._folder, "-p", str(self._port), "-U", "postgres", "-d", database),
                *("-c", statement),
            ],
            capture_output=True,
            text=True,
            env=_ENVIRONMENT,
            check=False,
            timeout=60,
        )

    def _make_files(self) -> None:
        if as_other := _as_postgres():
            shutil.chown(self._folder, "postgres", "postgres")
        initdb: list[str | Path] = [
            *as_other,
            self._programs / "initdb",
            *("-D", self._folder / "data", "-U", "postgres", "--no-sync"),
            *("--auth-local=trust", "--auth-host=scram-sha-256"),
            *("--encoding=UTF8", "--locale=C.UTF-8"),
            *("--locale-provider=icu", "--icu-locale=en-US"),
        ]
        done = subprocess.run(
            initdb, capture_output=True, text=True, env=_ENVIRONMENT, cwd="/", check=False
        )
        assert done.returncode == 0, done.stderr
        with (self._folder / "data" / "postgresql.conf").open("a") as conf:
            conf.write(_CONF)

    def _clean_up(self) -> None:
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self._folder, ignore_errors=True)


_ENVIRONMENT = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8"}


def _in_memory() -> Path | None:
    """Return the folder of files in memory; None if it is small, as in a container."""
    roomy = _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK)
    return _MEMORY if roomy and shutil.disk_usage(_MEMORY).free >= _ROOM_BYTES else None


def _as_postgres() -> list[str]:
    """Return the prefix that runs a command as the user postgres; PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
