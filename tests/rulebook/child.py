"""One child process for all tests that need one, and a gate that holds its jobs."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from service.rulebook.child_process import ChildProcess

CHILD = ChildProcess("tests")
"""The child process; the first test that needs it starts it, `tests.conftest` stops it."""


class Gate:
    """A job that reads this file waits until the test writes to it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)

    def open(self) -> int:
        """Block until a job reads."""
        return os.open(self.path, os.O_WRONLY)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - another process changes it
            await asyncio.sleep(0.01)


def use_up_time(gate: Path) -> None:
    """Pass the gate, then run pure Python without an end."""
    gate.read_text()
    while True:
        pass


def fail_with_words(words: str) -> None:
    raise ValueError(words)


def want_memory() -> None:
    raise MemoryError
