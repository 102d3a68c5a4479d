from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import sync_playwright

from tests.janus import Janus
from tests.needs import CHROMIUM
from tests.postgres import Postgres
from tests.processes import Helper, fail_if_ended, failing_early, guarded
from tests.redis import RedisServer
from tests.server import Server

FAILED = pytest.fail.Exception
LONG_S = 60.0
SOON_S = 20.0
"""Much less than the test would have waited, in seconds, also on a busy machine."""
DIES = "import time; time.sleep({after_s}); print('out of luck'); raise SystemExit({code})"


@contextmanager
def dying(folder: Path, code: int = 3, *, after_s: float = 0.2) -> Iterator[Helper]:
    """Make a helper that soon ends by itself."""
    program = [sys.executable, "-c", DIES.format(after_s=after_s, code=code)]
    helper = Helper("the unlucky one", program, folder / "log", ends=(0,))
    try:
        yield helper
    finally:
        helper.kill()
        helper.wait()


@contextmanager
def failing(*said: str) -> Iterator[None]:
    """Expect the code inside to fail with all these texts, long before its own time-out."""
    began_s = time.monotonic()
    with pytest.raises(FAILED, match="(?s)" + ".*".join(map(re.escape, said))) as failed:
        yield
    assert time.monotonic() - began_s < SOON_S, failed


def test_a_test_that_sleeps_fails_when_its_helper_ends(tmp_path: Path) -> None:
    with (
        failing("the unlucky one ended early: exit code 3", "\nout of luck"),
        dying(tmp_path),
        failing_early(),
    ):
        time.sleep(LONG_S)


@pytest.mark.anyio
async def test_an_asynchronous_test_fails_where_it_waits(tmp_path: Path) -> None:
    cleaned_up = asyncio.Event()

    @guarded
    async def waiting() -> None:
        try:
            async with asyncio.TaskGroup() as tasks, asyncio.timeout(LONG_S):
                await tasks.create_task(asyncio.Event().wait())
        finally:
            cleaned_up.set()

    with failing("exit code 3", "out of luck"), dying(tmp_path):
        await waiting()
    assert cleaned_up.is_set()


@pytest.mark.anyio
async def test_an_asynchronous_test_that_blocks_its_loop_fails_too(tmp_path: Path) -> None:
    @guarded
    async def blocking() -> None:
        time.sleep(LONG_S)  # noqa: ASYNC251 - the subject of the test

    with failing("exit code 3", "out of luck"), dying(tmp_path):
        await blocking()


@pytest.mark.browser
def test_a_test_that_waits_for_a_page_fails_and_can_close_its_browser(tmp_path: Path) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        page = browser.new_page()
        with failing("exit code 3", "out of luck"), dying(tmp_path), failing_early():
            page.locator("#never").wait_for(timeout=LONG_S * 1000)
        page.set_content("<p>It goes on.</p>")
        assert page.locator("p").inner_text() == "It goes on."
        browser.close()


def test_an_error_that_the_end_of_a_helper_causes_is_told_with_its_output(tmp_path: Path) -> None:
    @failing_early()
    def connect() -> None:
        try:
            time.sleep(LONG_S)
        except FAILED:
            raise ConnectionError from None

    with dying(tmp_path), pytest.raises(ConnectionError) as raised:
        connect()
    (note,) = raised.value.__notes__
    assert "out of luck" in note


def test_a_helper_that_ended_before_the_last_look_fails_the_test(tmp_path: Path) -> None:
    with failing("exit code 3"), dying(tmp_path), failing_early():
        try:
            time.sleep(LONG_S)
        except FAILED:
            pass  # a test that swallows the failure


def test_a_helper_may_end_with_the_exit_codes_that_it_was_given(tmp_path: Path) -> None:
    with failing_early(), dying(tmp_path, code=0, after_s=0) as helper:
        assert helper.wait(LONG_S) == 0


@pytest.mark.parametrize("end", [Helper.kill, Helper.terminate])
def test_a_helper_that_the_test_stops_fails_nothing(
    tmp_path: Path, end: Callable[[Helper], None]
) -> None:
    with failing_early(), dying(tmp_path, after_s=LONG_S) as helper:
        end(helper)
        assert helper.wait(SOON_S) < 0


def test_a_helper_that_is_halted_and_goes_on_is_still_watched(tmp_path: Path) -> None:
    with failing("exit code 3"), dying(tmp_path) as helper, failing_early():
        helper.send_signal(signal.SIGSTOP)
        helper.send_signal(signal.SIGCONT)
        time.sleep(LONG_S)


def test_who_waits_for_a_helper_to_be_ready_hears_that_it_ended(tmp_path: Path) -> None:
    with failing("exit code 3", "out of luck"), dying(tmp_path) as helper:
        helper.wait_until(lambda: False, LONG_S, every_s=0.01)


def test_who_waits_for_a_helper_that_is_never_ready_sees_its_output(tmp_path: Path) -> None:
    with failing("is not ready after 0.05 s"), dying(tmp_path, after_s=LONG_S) as helper:
        helper.wait_until(lambda: False, 0.05, every_s=0.01)


class Holder:
    """Object of a fixture that holds a helper, as the servers do."""

    def __init__(self, helper: Helper | None) -> None:
        self.helper = helper


def test_a_later_test_fails_at_once_where_its_fixture_has_ended(tmp_path: Path) -> None:
    with dying(tmp_path) as helper:
        with failing("exit code 3"), failing_early():
            time.sleep(LONG_S)
        fail_if_ended([Holder(None), "of another kind"])
        with failing("exit code 3"):
            fail_if_ended([Holder(helper)])


def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    said = "EARSHOT_NO_SUCH_SETTING is not a setting"
    with (
        failing("earshot serve ended early: exit code 2", said),
        Server(tmp_path / "data", EARSHOT_NO_SUCH_SETTING="1"),
    ):
        pass


@pytest.mark.parametrize(
    ("start", "program"),
    [
        pytest.param(RedisServer, "redis-server", marks=pytest.mark.redis),
        pytest.param(Postgres, "postgres", marks=pytest.mark.postgres),
        pytest.param(Janus, "janus", marks=pytest.mark.janus),
    ],
)
def test_a_test_fails_when_a_server_that_it_uses_is_killed(
    start: Callable[[], AbstractContextManager[object]], program: str
) -> None:
    ours = set(psutil.Process().children())
    with failing(f"{program} ended early: exit code -9, SIGKILL"), start(), failing_early():
        (server,) = set(psutil.Process().children()) - ours
        os.kill(server.pid, signal.SIGKILL)
        time.sleep(LONG_S)


def test_a_test_fails_when_earshot_is_killed(server: Server) -> None:
    with failing("earshot serve ended early: exit code -9, SIGKILL"), failing_early():
        assert server.process is not None
        try:
            os.kill(server.process.pid, signal.SIGKILL)
            time.sleep(LONG_S)
        finally:
            server.stop()
