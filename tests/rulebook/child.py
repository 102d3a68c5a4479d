"""One child process for all tests that need one, and jobs that a test holds in its hand."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from service.rulebook.child_process import ChildProcess

CHILD = ChildProcess("tests")
"""Started by the first test that needs it; `tests.conftest` stops it."""


class Gate:
    """A job that reads this file waits until the test writes to it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)

    def open(self) -> int:
        """Returns once a job reads; blocks until then."""
        return os.open(self.path, os.O_WRONLY)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - another process makes it so
            await asyncio.sleep(0.01)


def use_up_time(gate: Path) -> None:
    """Once through the gate, pure Python without an end."""
    gate.read_text()
    while True:
        pass


def fail_with_words(words: str) -> None:
    raise ValueError(words)


def want_memory() -> None:
    raise MemoryError
