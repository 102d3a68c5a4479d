"""The in-process queue with a model that fails or hangs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from asr.reasons import TOO_FAR_BEHIND
from asr.speech import Transcript, Unheard, Utterance
from asr.transcriber import Transcriber
from tests.asr.local_queues import a_queue, collect_results, put, until
from tests.asr.scribe import Scribe, heard, unheard

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("how", ["refused", "broken", "short"])
async def test_only_the_bad_utterance_of_a_failing_batch_is_unheard(how: str) -> None:
    scribe = Scribe()
    scribe.free.clear()
    queue = a_queue(lambda: scribe)
    await queue.start()
    put(queue, "first")
    await until(lambda: len(scribe.batches) == 1)
    put(queue, "a", "b", how, "c", "d")
    scribe.free.set()
    await queue.close()
    results = await collect_results(queue)
    assert heard(results) == ["first", "a", "b", "c", "d"]
    assert unheard(results) == {how: "the model could not transcribe it"}


async def test_a_lane_goes_on_after_an_exception_of_the_model() -> None:
    queue = a_queue(Scribe)
    await queue.start()
    put(queue, "broken")
    results = queue.results()
    assert isinstance(await anext(results), Unheard)
    assert queue.alive()
    put(queue, "fine")
    assert isinstance(await anext(results), Transcript)
    await queue.close()


async def test_start_raises_the_exception_of_a_model_that_does_not_load() -> None:
    def load() -> Transcriber:
        raise LookupError("no such model")

    queue = a_queue(load)
    put(queue, "early")
    with pytest.raises(LookupError, match="no such model"):
        await queue.start()
    await queue.close()
    assert unheard(await collect_results(queue)) == {"early": "the server is stopping"}


async def test_a_start_cancelled_while_the_model_loads_leaves_no_thread() -> None:
    free = threading.Event()

    def load() -> Transcriber:
        assert free.wait(10)
        return Scribe()

    queue = a_queue(load)
    starting = asyncio.create_task(queue.start())
    await asyncio.sleep(0.02)
    starting.cancel()
    await asyncio.wait([starting])
    closing = asyncio.create_task(queue.close())
    await asyncio.sleep(0)
    free.set()
    await closing
    assert await collect_results(queue) == []


async def test_deadlines_are_enforced_while_the_model_hangs() -> None:
    scribe = Scribe()
    scribe.free.clear()
    queue = a_queue(lambda: scribe, batch_size=1, deadline_s=0.2)
    await queue.start()
    results = queue.results()
    put(queue, "begun")
    await until(lambda: scribe.batches == [["begun"]])
    put(queue, "late")
    async with asyncio.timeout(5):
        assert unheard([await anext(results)]) == {"late": TOO_FAR_BEHIND}
    await until(lambda: "at one batch" in (queue.unready() or ""))
    scribe.free.set()
    assert heard([await anext(results)]) == ["begun"]
    assert queue.unready() is None
    await queue.close()


async def test_a_queue_closes_while_its_model_hangs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("asr.local_queue._HUNG_S", 0.1)
    scribe = Scribe()
    scribe.free.clear()
    queue = a_queue(lambda: scribe, batch_size=1)
    await queue.start()
    put(queue, "hung", "waiting")
    await until(lambda: scribe.batches == [["hung"]])
    async with asyncio.timeout(5):
        await queue.close(drain_s=0.1)
    assert list(unheard(await collect_results(queue))) == ["hung", "waiting"]
    scribe.free.set()
    await until(lambda: not any(t.name.startswith("asr-model") for t in threading.enumerate()))


async def test_results_of_other_lanes_come_out_while_one_hangs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("asr.local_queue._HUNG_S", 0.1)
    free = threading.Event()

    class HangsOnOne(Scribe):
        def transcribe(self, batch: Sequence[Utterance]) -> list[Transcript]:
            if batch[0].id == "hung":
                free.wait(10)
            return super().transcribe(batch)

    queue = a_queue(HangsOnOne, batch_size=1, lanes=2)
    await queue.start()
    put(queue, "hung", "beside it")
    async with asyncio.timeout(5):
        await queue.close(drain_s=0.2)
    results = await collect_results(queue)
    assert (list(unheard(results)), heard(results)) == (["hung"], ["beside it"])
    free.set()
    await until(lambda: not any(t.name.startswith("asr-model") for t in threading.enumerate()))


@pytest.mark.parametrize(
    ("id_", "trouble"), [("plague", "fails on silence, too"), ("huge", "too little memory")]
)
async def test_a_queue_with_a_failed_model_is_not_ready(id_: str, trouble: str) -> None:
    scribe = Scribe()
    queue = a_queue(lambda: scribe)
    await queue.start()
    results = queue.results()
    put(queue, id_)
    assert list(unheard([await anext(results)])) == [id_]
    assert trouble in (queue.unready() or "")
    assert queue.alive()
    scribe.sick = False
    put(queue, "fine again")
    assert heard([await anext(results)]) == ["fine again"]
    assert queue.unready() is None
    await queue.close()


async def test_batches_shrink_once_memory_has_run_out() -> None:
    scribe = Scribe()
    scribe.free.clear()
    queue = a_queue(lambda: scribe)
    await queue.start()
    put(queue, "first")
    await until(lambda: scribe.batches == [["first"]])
    put(queue, "big", "b", "c", "d")
    scribe.free.set()
    results = queue.results()
    found = [await anext(results) for _ in range(5)]
    put(queue, "x", "y")
    found += [await anext(results) for _ in range(2)]
    assert sorted(heard(found)) == ["b", "big", "c", "d", "first", "x", "y"]
    assert scribe.batches[-2:] == [["x"], ["y"]]
    assert queue.unready() is None
    await queue.close()
