"""Parent's side of the child process for slow policy work, which starts with the first job.

Checking, compiling and back-testing are pure Python: on a thread of the server they would hold up
the rooms for the interpreter's switch interval again and again. The child does one job at a time.
If the caller of a job is cancelled, the process is killed, and the next job starts another.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import ParamSpec, Self, TypeVar, assert_never, cast

import structlog

from policies.collector import without_collector
from service.errors import Problem
from service.rulebook.answers import IDLE, OUT_OF_MEMORY, Answer, Broken, Done, Invalid
from service.rulebook.pipe_messages import PipeClosed, read_frame, write_frame

log = structlog.get_logger()

P = ParamSpec("P")
R = TypeVar("R")

MOST_JOBS = 8
"""Jobs that run or wait; more are refused."""
IDLE_S = 300.0
"""Time without a job after which the process ends; the next job starts another."""
_STOP_S = 2.0
"""Time for an idle child to end by itself."""
_STOPPING = "the server is stopping; ask again once it is back"


class ChildAway(Problem):
    """503: the job was not done, and nothing has changed."""

    def __init__(self, detail: str) -> None:
        super().__init__(503, "Policy work not done", detail, headers={"Retry-After": "2"})


class JobBroken(Exception):
    """A bug of ours in a job. Its text has the error's type and place, and no speech."""


@dataclass(slots=True, eq=False)
class _Job:
    function: Callable[..., object]
    args: tuple[object, ...]
    kwargs: Mapping[str, object]
    given_up: bool = False
    """The caller has been cancelled, or the server is stopping."""


class ChildProcess:
    """`service.rulebook.ports.PolicyWorker` in a process of its own.

    Used from any event loop; `stop` it at the end.

    Args:
        name: Purpose, for logs.
        most_jobs: Jobs that may run or wait.
        idle_s: Time without a job after which the process ends, in seconds.
    """

    def __init__(self, name: str, *, most_jobs: int = MOST_JOBS, idle_s: float = IDLE_S) -> None:
        self._name = name
        self._idle_s = idle_s
        self._most_jobs = most_jobs
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"child-{name}")
        """Writes jobs and waits for answers; meanwhile other threads run."""
        self._lock = threading.Lock()
        self._jobs: set[_Job] = set()
        self._current: _Job | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = False

    @property
    def pid(self) -> int | None:
        """Process id; None if no process runs."""
        process = self._process
        return None if process is None else process.pid

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call a function of a module in the child process.

        Raises:
            ChildAway: The process died, the server stops, or too many jobs wait.
            PackInvalid: Raised by the function.
        """
        job = _Job(function, args, kwargs)
        with self._lock:
            if self._stopping:
                raise ChildAway(_STOPPING)
            if len(self._jobs) >= self._most_jobs:
                busy = f"{self._most_jobs} checks of policies run or wait; ask again in a while"
                raise ChildAway(busy)
            self._jobs.add(job)
        try:
            waiting = self._thread.submit(self._exchange, job)
            ending = asyncio.wrap_future(waiting)
            try:
                answer = await asyncio.shield(ending)
            except asyncio.CancelledError:
                self._give_up(job)
                if not waiting.cancel():
                    await asyncio.wait([ending])
                    ending.exception()
                raise
        finally:
            self._jobs.discard(job)
        return cast(R, _result(answer, function.__name__))

    def stop(self) -> None:
        """End the process, even during a job. Blocks for at most two seconds."""
        with self._lock:
            self._stopping = True
        for job in list(self._jobs):
            self._give_up(job)
        self._thread.shutdown()
        process, self._process = self._process, None
        if process is not None:
            _end(process)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self.stop)

    def _give_up(self, job: _Job) -> None:
        with self._lock:
            job.given_up = True
            if self._current is job and self._process is not None:
                self._process.kill()

    def _exchange(self, job: _Job) -> Answer:
        """Return the child's answer to a job; runs in the thread. Raises: ChildAway"""
        call = job.function, job.args, job.kwargs
        content = pickle.dumps(call, pickle.HIGHEST_PROTOCOL)
        while (answer := self._ask(job, content)) is None:
            pass
        with without_collector():
            return cast(Answer, pickle.loads(answer))

    def _ask(self, job: _Job, content: bytes) -> bytearray | None:
        """Send a job to the process, which is started if necessary, and wait for its answer.

        Returns:
            None if the process ended without a job just before it received this one.

        Raises:
            ChildAway
        """
        if self._process is not None and self._process.poll() is not None:
            self._close(self._process)
        if self._process is None and not job.given_up:
            self._process = _start(self._idle_s)
        process = self._process
        with self._lock:
            if process is None or job.given_up:
                raise ChildAway(_STOPPING)
            self._current = job
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            write_frame(process.stdin.fileno(), content)
            return read_frame(process.stdout.fileno())
        except PipeClosed:
            code = self._close(process, wanted=job.given_up)
            if job.given_up:
                raise ChildAway(_STOPPING) from None
            if code == IDLE:
                return None
            raise ChildAway(_died(code)) from None
        finally:
            with self._lock:
                self._current = None

    def _close(self, process: subprocess.Popen[bytes], *, wanted: bool = False) -> int:
        """Forget a process that has ended. Returns its exit code."""
        self._process = None
        code = _end(process)
        if code != IDLE and not wanted:
            log.warning("policies.child_died", child=self._name, code=code)
        return code


def _start(idle_s: float) -> subprocess.Popen[bytes]:
    """Start the child in a process group of its own: Ctrl-C reaches only the server, which ends it.

    Not in a session of its own: the kernel may give a session as much time as the whole server.

    Raises:
        ChildAway
    """
    paths = [path or os.getcwd() for path in sys.path]
    settings = {name: value for name, value in os.environ.items() if not name.startswith("EARSHOT")}
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "service.rulebook.child", str(idle_s)],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=settings | {"PYTHONPATH": os.pathsep.join(paths)},
            process_group=0,
        )
    except OSError as error:
        raise ChildAway(
            f"a process for it cannot be started ({error.strerror}); check that the server may "
            "start processes and has memory, and ask again"
        ) from error


def _end(process: subprocess.Popen[bytes]) -> int:
    """End the process. Returns its exit code."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    try:
        code = process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        code = process.wait()
    process.stdout.close()
    return code


def _died(code: int) -> str:
    if code == OUT_OF_MEMORY:
        how = "ran out of memory"
    elif code < 0:
        how = f"was killed ({signal.Signals(-code).name})"
    else:
        how = f"ended (exit code {code})"
    return (
        f"the process that does it {how}, and nothing has changed; ask again, and if that fails "
        "too, give the server more memory or send less"
    )


def _result(answer: Answer, job: str) -> object:
    match answer:
        case Done(result):
            return result
        case Invalid(error):
            raise error
        case Broken(kind, place):
            raise JobBroken(f"{job} failed in the child process: {kind} at {place}")
        case _:
            assert_never(answer)
