"""Real Redis for tests, on a free port, with its files in a temporary folder."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.processes import Helper

_START_S = 20.0


class RedisServer:
    """Server that starts on entering and can be stopped and started; it keeps its data (AOF).

    Attributes:
        url: URL with a password, as operators use.
    """

    def __init__(self, *, password: str = "a-test-password") -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="earshot-redis-"))
        self._port = _free_port()
        self._password = password
        self._process: Helper | None = None
        self.url = f"redis://:{password}@127.0.0.1:{self._port}/0"

    def __enter__(self) -> Self:
        try:
            self.start()
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
            "redis-server",
            [
                *("redis-server", "--port", str(self._port), "--bind", "127.0.0.1"),
                *("--dir", str(self._folder), "--requirepass", self._password),
                *("--appendonly", "yes", "--appendfsync", "always", "--save", ""),
            ],
            self._folder / "log",
        )
        self._process.wait_until(lambda: self.command("PING") == "PONG", _START_S, every_s=0.02)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Stop the server. SIGKILL is a crash."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(how)
            process.wait(20)

    def command(self, *words: str) -> str:
        """Return the output of `redis-cli`."""
        done = subprocess.run(
            ["redis-cli", "-p", str(self._port), "--no-auth-warning", *words],
            env={"PATH": "/usr/bin:/bin", "REDISCLI_AUTH": self._password},
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )
        return done.stdout.strip()

    def _clean_up(self) -> None:
        self.stop(signal.SIGKILL)
        shutil.rmtree(self._folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
