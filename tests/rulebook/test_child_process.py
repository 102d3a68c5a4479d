"""Real child processes. Gates (named pipes) show when a job runs, so that no test needs a sleep."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import psutil
import pytest
from structlog.testing import capture_logs

from policies.finding import PackInvalid
from policies.load import Source
from service.rulebook import jobs
from service.rulebook.child import NICENESS
from service.rulebook.child_process import ChildAway, ChildProcess, JobBroken
from tests.rulebook.child import Gate, fail_with_words, until, use_up_time, want_memory
from tests.rulebook.examples import loaded

pytestmark = pytest.mark.anyio

_SOON_S = 20.0
"""Time for something that takes a second, on a busy machine."""
_SERVER = """
import asyncio, sys
from pathlib import Path
from service.rulebook.child_process import ChildProcess
from tests.rulebook.child import use_up_time
asyncio.run(ChildProcess("tests").run(use_up_time, Path(sys.argv[1])))
"""


@pytest.fixture
async def child() -> AsyncIterator[ChildProcess]:
    async with ChildProcess("test", most_jobs=2) as child:
        yield child


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path / "gate")


def process_of(child: ChildProcess) -> psutil.Process:
    assert child.pid is not None
    return psutil.Process(child.pid)


def ended(child: ChildProcess) -> Callable[[], bool]:
    """Return whether the process has ended with all its threads.

    Its exit code is left for `ChildProcess`.
    """
    pid = process_of(child).pid
    left = os.WEXITED | os.WNOHANG | os.WNOWAIT
    return lambda: os.waitid(os.P_PID, pid, left) is not None


async def test_jobs_run_one_after_another_in_one_process_of_lower_priority(
    child: ChildProcess,
) -> None:
    first, second = await asyncio.gather(child.run(os.getpid), child.run(os.getpid))
    assert first == second == child.pid != os.getpid()
    process = process_of(child)
    assert process.nice() == NICENESS
    assert os.getpgid(process.pid) == process.pid, "Ctrl-C does not reach it"
    assert not any(name.startswith("EARSHOT") for name in process.environ())


async def test_a_child_that_is_killed_gives_one_clear_error_and_the_next_job_works(
    child: ChildProcess, gate: Gate
) -> None:
    job = asyncio.create_task(child.run(use_up_time, gate.path))
    os.close(await asyncio.to_thread(gate.open))
    process = process_of(child)
    process.kill()
    with capture_logs() as logs, pytest.raises(ChildAway) as away:
        await job
    assert (away.value.status, away.value.headers) == (503, {"Retry-After": "2"})
    assert away.value.detail == (
        "the process that does it was killed (SIGKILL), and nothing has changed; ask again, and if "
        "that fails too, give the server more memory or send less"
    )
    assert [each["event"] for each in logs] == ["policies.child_died"]
    assert await child.run(os.getpid) == child.pid != process.pid


async def test_a_child_that_died_while_idle_is_replaced(
    child: ChildProcess,
) -> None:
    await child.run(os.getpid)
    process = process_of(child)
    process.kill()
    await until(ended(child))
    with capture_logs() as logs:
        assert await child.run(os.getpid) == child.pid != process.pid
    assert [each["event"] for each in logs] == ["policies.child_died"]


async def test_a_child_without_a_job_ends_and_the_next_job_starts_another() -> None:
    async with ChildProcess("test", idle_s=0.01) as child:
        first = await child.run(os.getpid)
        with capture_logs() as logs:
            await until(ended(child))
            assert await child.run(os.getpid) != first
        assert logs == []


async def test_a_job_that_needs_too_much_memory_fails_with_the_reason(child: ChildProcess) -> None:
    with pytest.raises(ChildAway, match="it ran out of memory, and nothing has changed; ask again"):
        await child.run(want_memory)
    assert await child.run(os.getpid) == child.pid


async def test_a_cancelled_job_is_ended_and_later_jobs_are_done(
    child: ChildProcess, gate: Gate
) -> None:
    job = asyncio.create_task(child.run(use_up_time, gate.path))
    os.close(await asyncio.to_thread(gate.open))
    process = process_of(child)
    after = asyncio.create_task(child.run(os.getpid))
    job.cancel()
    with capture_logs() as logs, pytest.raises(asyncio.CancelledError):
        await job
    assert not process.is_running()
    assert await after == child.pid
    assert logs == []


async def test_a_cancelled_job_that_waited_disturbs_no_other(
    child: ChildProcess, gate: Gate
) -> None:
    job = asyncio.create_task(child.run(Path.read_text, gate.path))
    opened = await asyncio.to_thread(gate.open)
    waiting = asyncio.create_task(child.run(fail_with_words, "never called"))
    await asyncio.sleep(0)
    with pytest.raises(ChildAway, match="2 checks of policies run or wait; ask again"):
        await child.run(os.getpid)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    os.write(opened, b"done")
    os.close(opened)
    assert await job == "done"


async def test_stopping_ends_a_job_and_accepts_no_other(child: ChildProcess, gate: Gate) -> None:
    job = asyncio.create_task(child.run(use_up_time, gate.path))
    waiting = asyncio.create_task(child.run(os.getpid))
    os.close(await asyncio.to_thread(gate.open))
    process = process_of(child)
    await asyncio.to_thread(child.stop)
    assert not process.is_running()
    for each in (job, waiting, asyncio.create_task(child.run(os.getpid))):
        with pytest.raises(ChildAway, match="the server is stopping"):
            await each
    assert child.pid is None


async def test_errors_of_packs_arrive_whole_and_bugs_without_their_text(
    child: ChildProcess,
) -> None:
    with pytest.raises(PackInvalid) as invalid:
        loaded("schema: 9", "bad.yaml")
    with pytest.raises(PackInvalid) as crossed:
        await child.run(jobs.load_record, Source("bad.yaml", "schema: 9"))
    assert crossed.value.errors == invalid.value.errors
    assert str(crossed.value) == str(invalid.value)
    with pytest.raises(JobBroken, match="^fail_with_words failed in the child process") as broken:
        await child.run(fail_with_words, "what was said")
    assert "ValueError at child.py:" in str(broken.value)
    assert "said" not in str(broken.value)


async def test_prints_of_a_job_do_not_mix_with_the_answers(child: ChildProcess) -> None:
    await child.run(print, "a line")
    assert await child.run(os.getpid) == child.pid


async def test_large_jobs_and_answers_arrive_whole(child: ChildProcess) -> None:
    content = os.urandom(10_000_000)
    assert await child.run(bytes, content) == content


@pytest.fixture
def server(gate: Gate) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server whose child works without an end."""
    with subprocess.Popen([sys.executable, "-c", _SERVER, str(gate.path)]) as server:
        yield server
        server.kill()


def test_a_child_does_not_outlive_a_server_that_is_killed(
    server: subprocess.Popen[bytes], gate: Gate
) -> None:
    os.close(gate.open())
    (child,) = psutil.Process(server.pid).children()
    server.kill()
    server.wait()
    assert psutil.wait_procs([child], _SOON_S)[1] == []
