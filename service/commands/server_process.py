"""Server in a child process, for `earshot demo` and `earshot bench`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from service.errors import Failed

_START_S = 60.0
_STOP_S = 3.0


@dataclass(frozen=True, slots=True)
class ServerProcess:
    """Running server.

    Attributes:
        url: Its base URL.
        key: Admin's key.
    """

    url: str
    key: str
    process: asyncio.subprocess.Process

    def kill(self) -> None:
        """Kill the process at once, as a crash would."""
        _send(self.process, signal.SIGKILL)


@asynccontextmanager
async def server_process(data: Path, extra: Mapping[str, str]) -> AsyncIterator[ServerProcess]:
    """Run `earshot serve` on a free loopback port with its data in `data`; stop it at the end.

    The server sees no EARSHOT_* variable of this environment, only those in `extra`.

    Raises:
        Failed: the server did not start; the message holds the last line of its log.
    """
    log = data / "server.log"
    environment = {k: v for k, v in os.environ.items() if not k.upper().startswith("EARSHOT_")}
    environment |= {
        "EARSHOT_HOST": "127.0.0.1",
        "EARSHOT_PORT": "0",
        "EARSHOT_DATA_DIR": str(data),
        **extra,
    }
    with log.open("wb") as log_file:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "service",
            "serve",
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=log_file,
            start_new_session=True,  # Ctrl-C on the terminal is ours to handle
        )
    try:
        yield await _ready(process, log)
    finally:
        await _stop(process)


async def _ready(process: asyncio.subprocess.Process, log: Path) -> ServerProcess:
    assert process.stdout is not None
    url = ""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_START_S):
            while line := (await process.stdout.readline()).decode():
                if line.startswith("listening on "):
                    url = line.split()[-1]
                elif "#key=" in line:
                    return ServerProcess(url, line.strip().rpartition("#key=")[2], process)
    raise Failed(f"the server did not start: {_last_line(log)}")


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "its log is empty"


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        _send(process, signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), _STOP_S)
        except TimeoutError:
            _send(process, signal.SIGKILL)
    await process.wait()


def _send(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    """Send a signal to a process that asyncio waits for.

    The process's own methods would poll it first. That takes its exit code away from asyncio's
    watcher, which then complains on stderr.
    """
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)
