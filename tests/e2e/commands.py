"""Runs the `earshot` command as a person or a service manager does."""

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
from tests.server import clean_environment

START_S = 30.0
COMMAND_S = 90.0
"""The most that a command takes on a machine that is busy with other tests, too."""

Call = tuple[Sequence[str], Mapping[str, str]]
"""Arguments and settings."""


@dataclass(frozen=True, slots=True)
class Done:
    code: int
    out: str
    err: str


def earshot(*arguments: str, **settings: str) -> Done:
    """Run a command to its end, which must come by itself."""
    done = subprocess.run(
        [sys.executable, "-m", "service", *arguments],
        env=clean_environment() | settings,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=COMMAND_S,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def together(calls: Sequence[Call]) -> list[Done]:
    """Run commands that do not touch each other, two at a time."""
    with ThreadPoolExecutor(2) as two:
        return list(two.map(lambda call: earshot(*call[0], **call[1]), calls))


@dataclass(slots=True)
class Serving:
    """A running `earshot serve`.

    Attributes:
        said: Its lines on stdout until it was ready.
    """

    process: Helper
    log_file: Path
    said: list[str]

    @property
    def url(self) -> str:
        return self.said[0].removeprefix("listening on ")

    def end(self, number: signal.Signals) -> Ended:
        self.process.send_signal(number)
        code = self.process.wait(15)
        assert self.process.stdout is not None
        return Ended(code, self.process.stdout.read(), self.log_file.read_text())


@dataclass(frozen=True, slots=True)
class Ended:
    """
    Attributes:
        out: What it said on stdout after it was ready.
        log: All that it said on stderr.
    """

    code: int
    out: str
    log: str

    def lines(self) -> list[dict[str, Any]]:
        """The log's lines. Raises: ValueError, one is not JSON."""
        return [json.loads(line) for line in self.log.splitlines()]

    def events(self) -> list[str]:
        return [line["event"] for line in self.lines()]


@contextlib.contextmanager
def serving(folder: Path, settings: Mapping[str, str], *, lines: int = 1) -> Iterator[Serving]:
    """A server that has said so many lines on stdout; killed at the end if still there."""
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
        said = [process.stdout.readline().strip() for _ in range(lines)]
        yield Serving(process, log_file, said)
    finally:
        killer.cancel()
        killer.join()
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()
