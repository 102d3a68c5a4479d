from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest

from asr.batch_runner import ModelBroken
from asr.cuda import CudaUnavailable
from asr.models import ModelUnavailable
from asr.reasons import NOT_TRANSCRIBED, WORKERS_FAILED
from asr.settings import AsrSettings
from asr.speech import WorkClass
from asr.transcriber import Transcriber
from asr.worker import Worker, WorkerTimes
from asr.worker_process import WorkerFailed, run_worker
from tests.asr.examples import an_utterance
from tests.asr.redis_stage import QUICK, Stage, next_results, until
from tests.asr.scribe import Scribe, heard, unheard
from tests.redis import RedisServer
from tests.server import clean_environment

pytestmark = [pytest.mark.anyio, pytest.mark.redis]


async def test_a_stopped_worker_finishes_its_batch_and_gives_back_the_rest(stage: Stage) -> None:
    queue = await stage.server()
    first, second = Scribe(), Scribe()
    first.free.clear()
    worker = stage.make_worker(first, batch=1)
    running = asyncio.create_task(worker.run())
    for id_ in ("running", "prepared", "waiting"):
        queue.put(an_utterance(id_))
    await until(lambda: first.batches == [["running"]])
    await until(lambda: len(worker._prepared) == 1)
    worker.stop()
    first.free.set()
    await running
    assert first.batches == [["running"]]
    async with stage.worker(second, batch=1):
        assert set(heard(await next_results(queue, 3))) == {"running", "prepared", "waiting"}
    assert sorted(second.batches) == [["prepared"], ["waiting"]]


async def test_the_next_batch_fills_up_with_the_most_urgent_entries(
    stage: Stage,
) -> None:
    queue = await stage.server()
    scribe = Scribe()
    scribe.free.clear()
    async with stage.worker(scribe, batch=3) as worker:
        queue.put(an_utterance("running"))
        await until(lambda: scribe.batches == [["running"]])
        queue.put(replace(an_utterance("partial"), work=WorkClass.PARTIAL))
        await until(lambda: len(worker._prepared) == 1)
        queue.put(replace(an_utterance("hot"), work=WorkClass.HOT_FINAL))
        queue.put(an_utterance("final"))
        queue.put(an_utterance("another"))
        await until(lambda: len(worker._prepared) == 3)
        scribe.free.set()
        await next_results(queue, 5)
    assert scribe.batches[1][0] == "hot"
    assert len(scribe.batches[1]) == 3


async def test_an_entry_of_a_dead_worker_is_claimed_and_transcribed_alone(stage: Stage) -> None:
    queue = await stage.server()
    dead = stage.streams()
    for id_ in ("a", "b"):
        queue.put(an_utterance(id_))
    await until(lambda: queue.waiting() == 2)
    taken = 0
    async with asyncio.timeout(5):
        while taken < 2:
            taken += len(await dead.fetch_entries("dead", 2 - taken))
    scribe = Scribe()
    async with stage.worker(scribe):
        assert sorted(heard(await next_results(queue, 2))) == ["a", "b"]
    assert sorted(scribe.batches) == [["a"], ["b"]]
    assert (await dead.read_overview()).claims == 2


async def test_an_entry_that_failed_every_worker_is_a_dead_letter(stage: Stage) -> None:
    queue = await stage.server()
    queue.put(an_utterance("killer"))
    streams = stage.streams()
    async with asyncio.timeout(5):
        while not await streams.fetch_entries("first", 1):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    for worker in ("second", "third"):
        claimed, _ = await streams.claim_entry(worker, idle_ms=0, most_deliveries=3, in_hand=[])
        assert claimed is not None
    claimed, given_up = await streams.claim_entry(
        "fourth", idle_ms=0, most_deliveries=3, in_hand=[]
    )
    assert (claimed, given_up) == (None, ["killer"])
    assert unheard(await next_results(queue, 1)) == {"killer": WORKERS_FAILED}
    assert (await streams.read_overview()).dead == 1
    letter = stage.redis.command("XRANGE", f"{streams.prefix}letters", "-", "+")
    assert WORKERS_FAILED in letter
    assert "body" not in letter


async def test_a_poison_utterance_is_a_dead_letter_and_the_rest_is_transcribed(
    stage: Stage,
) -> None:
    queue = await stage.server()
    for id_ in ("a", "refused", "b", "nan"):
        queue.put(an_utterance(id_))
    async with stage.worker(Scribe()):
        results = await next_results(queue, 4)
    assert sorted(heard(results)) == ["a", "b"]
    reasons = unheard(results)
    assert reasons["refused"] == NOT_TRANSCRIBED
    assert reasons["nan"].startswith("its transcript cannot be sent: language is not a text")
    assert (await stage.streams().read_overview()).dead == 2


async def test_an_utterance_too_large_for_memory_is_tried_elsewhere_and_given_up(
    stage: Stage,
) -> None:
    queue = await stage.server()
    for id_ in ("a", "huge", "b"):
        queue.put(an_utterance(id_))
    scribe = Scribe()
    async with stage.worker(scribe):
        results = await next_results(queue, 3)
    assert sorted(heard(results)) == ["a", "b"]
    assert unheard(results) == {"huge": WORKERS_FAILED}
    assert [ids for ids in scribe.batches if "huge" in ids].count(["huge"]) == 3


async def test_a_worker_with_a_broken_model_gives_everything_back_and_ends(stage: Stage) -> None:
    queue = await stage.server()
    for id_ in ("a", "plague", "b"):
        queue.put(an_utterance(id_))
    await until(lambda: queue.waiting() == 3)
    with pytest.raises(ModelBroken):
        await stage.make_worker(Scribe()).run()

    class Immune(Scribe):
        sick = property(lambda self: False, lambda self, value: None)

    async with stage.worker(Immune()):
        results = await next_results(queue, 3)
    assert sorted(heard(results)) == ["a", "b", "plague"]


async def test_a_busy_worker_reports_that_it_is_busy(stage: Stage) -> None:
    queue = await stage.server()
    scribe = Scribe()
    scribe.free.clear()
    async with stage.worker(scribe):
        queue.put(an_utterance())
        await until(lambda: any(one.busy for one in queue.overview.workers))  # type: ignore[union-attr]
        scribe.free.set()
        await next_results(queue, 1)


async def test_a_stopped_worker_leaves_the_list(stage: Stage) -> None:
    queue = await stage.server()
    async with stage.worker(Scribe()):
        await until(lambda: queue.unready() is None)
    await until(lambda: queue.unready() is not None)


def raising(error: Exception) -> Callable[[AsrSettings], Transcriber]:
    def load(settings: AsrSettings) -> Transcriber:
        raise error

    return load


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (ModelUnavailable("no model is called 'x'"), 2, "EARSHOT_ASR_MODEL: no model is called"),
        (CudaUnavailable("no CUDA device answers"), 2, "EARSHOT_ASR_DEVICE: no CUDA device"),
        (RuntimeError("CUDA failed with error out of memory"), 1, "too little memory"),
        (MemoryError(), 1, "too little memory"),
        (RuntimeError("Library libcublas.so.12 is not found"), 1, "nvidia-cublas-cu12"),
        (RuntimeError("CUDA driver version is insufficient"), 1, "driver is too old"),
        (LookupError("odd"), 1, "EARSHOT_ASR_DEVICE=cpu"),
    ],
)
def test_a_model_that_does_not_start_ends_the_worker_with_its_remedy(
    redis: RedisServer, error: Exception, code: int, says: str
) -> None:
    with pytest.raises(WorkerFailed, match=says) as failed:
        run_worker(AsrSettings(), redis.url, load=raising(error), batch=1)
    assert failed.value.exit_code == code
    assert "\n" not in str(failed.value)


@pytest.mark.parametrize("url", [None, "", "http://x", "redis://:wrong@127.0.0.1:{port}/0"])
def test_a_worker_without_redis_ends(redis: RedisServer, url: str | None) -> None:
    port = redis.url.rpartition(":")[2].partition("/")[0]
    with pytest.raises(WorkerFailed, match="EARSHOT_REDIS_URL") as failed:
        run_worker(AsrSettings(), url and url.format(port=port), load=lambda _: Scribe(), batch=1)
    assert failed.value.exit_code == 2


@pytest.mark.parametrize("program", [["service", "worker"], ["asr", "worker"]])
@pytest.mark.parametrize(
    ("changed", "code", "says"),
    [
        ({"EARSHOT_REDIS_URL": ""}, 2, "EARSHOT_REDIS_URL: "),
        ({"EARSHOT_ASR_MODEL": "/gone"}, 2, "EARSHOT_ASR_MODEL: /gone is not a directory"),
        ({"EARSHOT_ASR_DEVICE": "toaster"}, 2, "EARSHOT_ASR_DEVICE: "),
        ({"EARSHOT_ASR_THREADS": "many"}, 2, "EARSHOT_ASR_THREADS: "),
    ],
)
def test_the_command_ends_with_one_line_of_error(
    redis: RedisServer, program: list[str], changed: dict[str, str], code: int, says: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *program],
        env=clean_environment() | {"EARSHOT_REDIS_URL": redis.url} | changed,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == code
    (line,) = [each for each in done.stderr.splitlines() if not each.startswith("{")]
    assert line.startswith(f"earshot: {says}")


async def test_a_claim_waits_for_five_of_the_slowest_batches(stage: Stage) -> None:
    worker = Worker(
        stage.streams(), Scribe, model="m", batch=1, times=replace(QUICK, least_idle_s=10)
    )
    assert worker._idle_ms() == 10_000
    worker._batch_seconds.extend([0.1] * 99 + [4.0])
    assert worker._idle_ms() == 20_000
    assert WorkerTimes().least_idle_s == 10
