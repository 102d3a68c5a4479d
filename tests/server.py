"""Real `earshot serve` in a process of its own, on a free port."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
import pytest

from tests.processes import Helper

ADMIN_KEY = "ek_test-admin-key-0123456789abcdef"
PYTHON = os.environ.get("BUILD_PYTHON", sys.executable)
"""Interpreter that runs the servers: ours, or that of another build (see `tests.blackbox`)."""
_START_S = 60.0
_STOP_S = 15.0


class Server:
    """Server that starts on entering and can be restarted with the same data.

    Attributes:
        url: URL of the server; restarts keep the port.
        key: Admin key.
        log_file: File with its standard error.

    Args:
        prefix: Program and arguments that run the server, `prlimit --nofile=128` for example.
    """

    def __init__(self, data: Path, *, prefix: Sequence[str] = (), **settings: str) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self.data = data
        self.key = ADMIN_KEY
        self.url = ""
        self.log_file = data / "server.log"
        self.process: Helper | None = None
        self._prefix = prefix
        self._settings = settings
        self._port = "0"

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the server and wait until it listens."""
        self.process = Helper(
            "earshot serve",
            [*self._prefix, PYTHON, "-P", "-m", "service", "serve"],
            self.log_file,
            piped=True,
            env=clean_environment()
            | {
                "EARSHOT_PORT": self._port,
                "EARSHOT_DATA_DIR": str(self.data),
                "EARSHOT_ADMIN_KEY": self.key,
                **self._settings,
            },
        )
        line = _first_line(self.process)
        self.url = line.split()[-1]
        self._port = self.url.rpartition(":")[2]

    def kill(self) -> None:
        """Kill the server, as a crash does."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Stop the server, as an operator does. Returns: the exit code."""
        return self._end(signal.SIGTERM)

    def client(self, key: str | None = None) -> httpx.Client:
        """Make a client with the admin key or another key."""
        return httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {key or self.key}"},
            trust_env=False,
            timeout=10,
        )

    def _end(self, number: signal.Signals) -> int:
        process, self.process = self.process, None
        if process is None:
            return 0
        process.send_signal(number)
        try:
            code = process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        finally:
            assert process.stdout is not None
            process.stdout.close()
        return code


def clean_environment() -> dict[str, str]:
    """Return the environment without EARSHOT_* variables."""
    return {name: value for name, value in os.environ.items() if not name.startswith("EARSHOT_")}


def _first_line(process: Helper) -> str:
    """Return the line that a server prints when it listens. Fails the test without one."""
    stdout = process.stdout
    assert stdout is not None
    killer = threading.Timer(_START_S, process.kill)
    killer.start()
    try:
        line = stdout.readline().strip()
    finally:
        killer.cancel()
        killer.join()
    if not line.startswith("listening on "):
        process.kill()
        process.wait()
        pytest.fail(process.report())
    return line
