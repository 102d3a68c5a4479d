"""The `earshot` command in processes of its own."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.processes import Helper
from tests.server import PYTHON, clean_environment

START_S = 30.0
COMMAND_S = 90.0
"""Longest run of a command, also on a machine that is busy with other tests."""

Call = tuple[Sequence[str], Mapping[str, str]]
"""Arguments and settings of a command."""


@dataclass(frozen=True, slots=True)
class Done:
    code: int
    out: str
    err: str


def earshot(*arguments: str, **settings: str) -> Done:
    """Run a command until it ends by itself."""
    done = subprocess.run(
        [PYTHON, "-P", "-m", "service", *arguments],
        env=clean_environment() | settings,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=COMMAND_S,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def run_commands(calls: Sequence[Call]) -> list[Done]:
    """Run independent commands, two at a time."""
    with ThreadPoolExecutor(2) as two:
        return list(two.map(lambda call: earshot(*call[0], **call[1]), calls))


@dataclass(slots=True)
class Serving:
    """A running `earshot serve`.

    Attributes:
        lines: Lines on stdout up to readiness.
    """

    process: Helper
    log_file: Path
    lines: list[str]

    @property
    def url(self) -> str:
        return self.lines[0].removeprefix("listening on ")

    def end(self, number: signal.Signals) -> Ended:
        self.process.send_signal(number)
        code = self.process.wait(15)
        assert self.process.stdout is not None
        return Ended(code, self.process.stdout.read(), self.log_file.read_text())


@dataclass(frozen=True, slots=True)
class Ended:
    """Finished server.

    Attributes:
        out: Output on stdout after it was ready.
        log: Output on stderr.
    """

    code: int
    out: str
    log: str

    def lines(self) -> list[dict[str, Any]]:
        """Return the log's lines.

        Raises:
            ValueError: A line is not JSON.
        """
        return [json.loads(line) for line in self.log.splitlines()]

    def events(self) -> list[str]:
        return [line["event"] for line in self.lines()]


@contextlib.contextmanager
def serving(folder: Path, settings: Mapping[str, str], *, lines: int = 1) -> Iterator[Serving]:
    """Start a server and wait for its first `lines` on stdout; kill it at the end."""
    log_file = folder / "stderr.log"
    process = Helper(
        "earshot serve",
        [sys.executable, "-m", "service", "serve"],
        log_file,
        piped=True,
        env=clean_environment() | dict(settings),
    )
    assert process.stdout is not None
    killer = threading.Timer(START_S, process.kill)
    killer.start()
    try:
        first = [process.stdout.readline().strip() for _ in range(lines)]
        yield Serving(process, log_file, first)
    finally:
        killer.cancel()
        killer.join()
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()
