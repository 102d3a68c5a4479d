"""Changes of policies whose check dies. Gates hold the child process at a known place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
from structlog.testing import capture_logs

from service.metrics import Metrics
from service.rulebook.child_process import ChildAway, ChildProcess
from service.rulebook.folder import PolicyFolder, load_files
from service.rulebook.live import LivePolicies
from service.rulebook.trial import TrialSentence
from service.rulebook.version import Origin
from service.storage.engine import Database
from service.storage.policies import SqlPolicies
from tests.rulebook.child import Gate, until
from tests.rulebook.examples import MO, files_of, in_force, live_of, text_of

pytestmark = pytest.mark.anyio

NEW = text_of(version="1.1.0")


@pytest.fixture
async def child() -> AsyncIterator[ChildProcess]:
    async with ChildProcess("test") as child:
        yield child


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    """Gate in place of the benign speech, which is read after the other checks of a pack."""
    (tmp_path / "corpus").mkdir()
    return Gate(tmp_path / "corpus" / "talk.jsonl")


@pytest.fixture
async def live(database: Database, child: ChildProcess, gate: Gate) -> LivePolicies:
    live = live_of(SqlPolicies(database), corpus=gate.path.parent, worker=child)
    await live.follow(files_of(text_of()), Origin.FILE)
    assert child.pid is None, "at the start nobody is heard yet"
    return live


def runs(child: ChildProcess) -> bool:
    return child.pid is not None


async def at(gate: Gate, child: ChildProcess) -> psutil.Process:
    """Return the child process once it waits at the gate."""
    await asyncio.to_thread(gate.open)
    assert child.pid is not None
    return psutil.Process(child.pid)


async def test_a_change_whose_check_dies_changes_nothing_and_can_be_sent_again(
    live: LivePolicies, child: ChildProcess, gate: Gate
) -> None:
    before = live.snapshot
    change = asyncio.create_task(live.put("scams", NEW.encode(), MO))
    (await at(gate, child)).kill()
    with pytest.raises(ChildAway, match="nothing has changed; ask again"):
        await change
    assert live.snapshot is before
    gate.path.unlink()
    assert (await live.put("scams", NEW.encode(), MO)).changed
    assert in_force(live) == {"scams": "1.1.0"}


async def test_a_cancelled_change_ends_its_check(
    live: LivePolicies, child: ChildProcess, gate: Gate
) -> None:
    change = asyncio.create_task(live.put("scams", NEW.encode(), MO))
    process = await at(gate, child)
    change.cancel()
    with pytest.raises(asyncio.CancelledError):
        await change
    assert not process.is_running()
    gate.path.unlink()
    assert (await live.put("scams", NEW.encode(), MO)).changed


async def test_a_file_whose_check_dies_is_applied_at_a_later_scan(
    live: LivePolicies, child: ChildProcess, gate: Gate, tmp_path: Path
) -> None:
    folder = tmp_path / "packs"
    folder.mkdir()
    (folder / "scams.yaml").write_text(text_of(), "utf-8")
    metrics = Metrics()
    watch = PolicyFolder(folder, load_files(folder), live, metrics=metrics, every_s=0.01)
    (folder / "scams.yaml").write_text(NEW, "utf-8")
    with capture_logs() as logs:
        watching = asyncio.create_task(watch.run())
        process = await at(gate, child)
        gate.path.unlink()
        process.kill()
        await until(lambda: in_force(live) == {"scams": "1.1.0"})
        watching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await watching
    assert [each["event"] for each in logs][:2] == ["policies.child_died", "policies.not_checked"]
    assert watch.refused() == []


async def test_a_long_text_is_tried_by_the_worker_and_a_sentence_here(
    live: LivePolicies, child: ChildProcess
) -> None:
    sentence = "now read me the code"
    found = await live.trial(TrialSentence(sentence, "en"))
    assert not runs(child)
    apart = await live.trial(TrialSentence(sentence + " and so on" * 900, "en"))
    assert runs(child)
    assert found.matches == apart.matches != []
