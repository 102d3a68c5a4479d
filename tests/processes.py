"""Helper processes of the tests, and the failure of a test whose helper ends early.

A thread waits for each helper. If a helper ends that no test stopped, the running test is
interrupted and fails with the helper's exit code and the end of its output.
"""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import subprocess
import threading
import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import ParamSpec

import pytest

_P = ParamSpec("_P")

_INTERRUPT = signal.SIGUSR1
"""Signal of a helper's thread to the main thread, where the tests run."""
_NO_END = (signal.SIGSTOP, signal.SIGCONT)
_AGAIN_S = 0.1
"""Time between two interrupts, in seconds, until the test handles one."""
_SHOWN_LINES = 40
"""Most lines of a helper's output in a failure."""
_PLAYWRIGHT_CALL = "__pw_caller_frame__"
"""Attribute of the asyncio task of a call of Playwright's synchronous API."""


class Helper(subprocess.Popen[str]):
    """Process that must run until this object's `send_signal`, `terminate` or `kill` is called.

    Attributes:
        name: Name in failures.
        log: File with its output.
        noticed: Event that is set when a test has handled its early end.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        log: Path,
        *,
        ends: Collection[int] = (),
        piped: bool = False,
        own_group: bool = False,
        env: Mapping[str, str] | None = None,
        cwd: str | Path | None = None,
    ) -> None:
        """
        Args:
            log: File to which its output is appended.
            ends: Exit codes with which it may end by itself.
            piped: Whether `stdout` gives its standard output, which is not in the log then.
            own_group: Whether it and its children are a process group, for `press_ctrl_c`.
        """
        self.name = name
        self.log = log
        self._ends = ends
        self._end_wanted = False
        self.noticed = threading.Event()
        with log.open("ab") as output:
            super().__init__(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if piped else output,
                stderr=output,
                text=True,
                env=env,
                cwd=cwd,
                start_new_session=own_group,
            )
        threading.Thread(target=self._watch, name=f"helper-{name}", daemon=True).start()

    def send_signal(self, sig: int) -> None:
        if sig not in _NO_END:
            self._end_wanted = True
            _ended.discard(self)
        super().send_signal(sig)

    def press_ctrl_c(self) -> None:
        """Interrupt the process and its children, as a terminal does."""
        self._end_wanted = True
        os.killpg(self.pid, signal.SIGINT)

    def wait_until(self, holds: Callable[[], bool], seconds: float, *, every_s: float) -> None:
        """Wait for the helper to be ready. Fails the test if it ends, or after `seconds`."""
        deadline = time.monotonic() + seconds
        while not holds():
            if self.poll() is not None:
                pytest.fail(self.report())
            if time.monotonic() > deadline:
                pytest.fail(f"{self.name} is not ready after {seconds:g} s; {self._output()}")
            time.sleep(every_s)

    def report(self) -> str:
        """Return a text with the exit code and the end of the output."""
        code = self.returncode
        how = f"exit code {code}"
        if code is not None and code < 0:
            how += f", {signal.Signals(-code).name}"
        return f"{self.name} ended early: {how}; {self._output()}"

    def _output(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(["the end of its output:", *lines[-_SHOWN_LINES:]])

    def _watch(self) -> None:
        code = self.wait()
        if not self._end_wanted and code not in self._ends:
            _ended.add(self)
            # A signal just before a system call does not interrupt the call; the next signal does.
            while _guards and not self.noticed.is_set():
                signal.pthread_kill(threading.main_thread().ident or 0, _INTERRUPT)
                self.noticed.wait(_AGAIN_S)


_ended: set[Helper] = set()
"""Helpers that ended early and that their owner has not stopped since."""
_guards: list[Guard] = []
"""Guards around the running code; the last one is the innermost."""


class Guard:
    """Interruption of a part of a test in which a helper ends early."""

    def __init__(self) -> None:
        self.task: asyncio.Task[object] | None = None
        self.before = set(_ended)

    def failure(self) -> str | None:
        """Return the helper that ended early inside; None without one."""
        ended = _ended - self.before
        for helper in ended:
            helper.noticed.set()
        return "\n\n".join(helper.report() for helper in ended) or None

    def interrupt(self) -> None:
        """Fail at the point where the test waits. Runs in the main thread, in a signal handler."""
        failure = self.failure()
        if failure is None:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            pytest.fail(failure)
        here = asyncio.current_task(loop)
        if self.task is not None:
            waiting = {self.task} - {here}
        else:
            waiting = {task for task in asyncio.all_tasks(loop) if hasattr(task, _PLAYWRIGHT_CALL)}
        if not waiting:  # the test itself runs now
            pytest.fail(failure)
        for task in waiting:
            loop.call_soon_threadsafe(task.cancel)  # wakes the loop, which `cancel` does not


@contextmanager
def failing_early() -> Iterator[Guard]:
    """Fail the code inside as soon as a helper ends early."""
    signal.signal(_INTERRUPT, _on_interrupt)
    guard = Guard()
    _guards.append(guard)
    try:
        yield guard
    except asyncio.CancelledError:
        _guards.remove(guard)
        failure = guard.failure()
        if failure is None:
            raise
        if guard.task is not None:
            guard.task.uncancel()
        pytest.fail(failure)
    except Exception as error:
        if failure := guard.failure():
            error.add_note(failure)
        raise
    finally:
        if guard in _guards:
            _guards.remove(guard)
    if failure := guard.failure():
        pytest.fail(failure)


def guarded(test: Callable[_P, Awaitable[None]]) -> Callable[_P, Awaitable[None]]:
    """Wrap an asynchronous test so that it fails when a helper ends early."""

    @functools.wraps(test)
    async def run(*args: _P.args, **kwargs: _P.kwargs) -> None:
        with failing_early() as guard:
            guard.task = asyncio.current_task()
            await test(*args, **kwargs)

    return run


def fail_if_ended(fixtures: Collection[object]) -> None:
    """Fail if a helper that one of these objects holds has ended early."""
    held = {
        id(value) for fixture in fixtures for value in getattr(fixture, "__dict__", {}).values()
    }
    for helper in _ended:
        if id(helper) in held:
            pytest.fail(helper.report(), pytrace=False)


def _on_interrupt(number: int, frame: FrameType | None) -> None:
    if _guards:
        _guards[-1].interrupt()
