from __future__ import annotations

import asyncio
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asr.local_queue import LocalQueue
from asr.reasons import TOO_FAR_BEHIND
from asr.scheduler import SchedulerSettings
from asr.speech import Transcript, Unheard, Utterance
from asr.transcriber import Transcriber
from tests.asr.examples import an_utterance
from tests.asr.scribe import Scribe, heard, unheard

pytestmark = pytest.mark.anyio


def a_queue(
    load: Callable[[], Transcriber],
    *,
    capacity: int = 100,
    batch_size: int = 8,
    lanes: int = 1,
    deadline_s: float = 30.0,
) -> LocalQueue:
    settings = SchedulerSettings(
        capacity=capacity, batch_size=batch_size, lanes=lanes, deadline_s=deadline_s
    )
    return LocalQueue(load, settings=settings)


def put(queue: LocalQueue, *ids: str) -> None:
    for id_ in ids:
        queue.put(an_utterance(id_))


async def collect_results(queue: LocalQueue) -> list[Transcript | Unheard]:
    return [result async for result in queue.results()]


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - another thread changes it
            await asyncio.sleep(0.005)


async def test_utterances_come_out_in_order_from_one_thread() -> None:
    scribe = Scribe()
    queue = a_queue(lambda: scribe)
    assert await queue.start() is scribe
    assert queue.alive()
    ids = [str(number) for number in range(20)]
    put(queue, *ids)
    await queue.close()
    assert heard(await collect_results(queue)) == ids
    assert len(scribe.threads) == 1
    assert threading.get_ident() not in scribe.threads
    assert not queue.alive()


async def test_a_single_utterance_does_not_wait_for_a_full_batch() -> None:
    queue = a_queue(Scribe)
    await queue.start()
    put(queue, "lone")
    async with asyncio.timeout(30):
        result = await anext(queue.results())
    assert isinstance(result, Transcript)
    await queue.close()


async def test_utterances_that_wait_while_the_model_works_are_the_next_batch() -> None:
    scribe = Scribe()
    scribe.free.clear()
    queue = a_queue(lambda: scribe, batch_size=3)
    await queue.start()
    put(queue, "a")
    await until(lambda: len(scribe.batches) == 1)
    put(queue, "b", "c", "d", "e")
    assert queue.waiting() == 4
    scribe.free.set()
    await queue.close()
    assert scribe.batches == [["a"], ["b", "c", "d"], ["e"]]


async def test_beyond_the_capacity_the_oldest_leaves_at_once() -> None:
    scribe = Scribe()
    scribe.free.clear()
    queue = a_queue(lambda: scribe, capacity=2)
    await queue.start()
    put(queue, "working")
    await until(lambda: len(scribe.batches) == 1)
    put(queue, "a", "b", "c", "d")
    assert queue.waiting() == 2
    results = queue.results()
    dropped = [await anext(results), await anext(results)]
    assert unheard(dropped) == dict.fromkeys("ab", "transcription is overloaded")
    scribe.free.set()
    await queue.close()
    assert heard(await collect_results(queue)) == ["working", "c", "d"]


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


async def test_a_closing_queue_refuses_new_utterances_and_drains() -> None:
    queue = a_queue(Scribe)
    await queue.start()
    put(queue, "a", "b")
    closing = asyncio.create_task(queue.close())
    await asyncio.sleep(0)
    put(queue, "late")
    await closing
    results = await collect_results(queue)
    assert heard(results) == ["a", "b"]
    assert unheard(results) == {"late": "the server is stopping"}


async def test_a_closing_queue_gives_up_the_rest_after_its_time() -> None:
    class Slow(Scribe):
        def transcribe(self, batch: Sequence[Utterance]) -> list[Transcript]:
            time.sleep(0.1)
            return super().transcribe(batch)

    scribe = Slow()
    queue = a_queue(lambda: scribe, batch_size=1)
    await queue.start()
    put(queue, *map(str, range(50)))
    await queue.close(drain_s=0.25)
    results = await collect_results(queue)
    came = heard(results) + list(unheard(results))
    assert sorted(came, key=int) == [str(n) for n in range(50)]
    assert set(unheard(results).values()) == {"the server is stopping"}
    assert heard(results)


async def test_closing_twice_ends_the_results_once() -> None:
    queue = a_queue(Scribe)
    await queue.start()
    await queue.close(drain_s=math.inf)
    await queue.close()
    assert await collect_results(queue) == []


async def test_start_raises_the_exception_of_a_model_that_does_not_load() -> None:
    def load() -> Transcriber:
        raise LookupError("no such model")

    queue = a_queue(load)
    put(queue, "early")
    with pytest.raises(LookupError, match="no such model"):
        await queue.start()
    await queue.close()
    assert unheard(await collect_results(queue)) == {"early": "the server is stopping"}


async def test_a_queue_that_was_never_started_closes() -> None:
    queue = a_queue(Scribe)
    put(queue, "early")
    await queue.close()
    assert list(unheard(await collect_results(queue))) == ["early"]


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


async def test_a_free_lane_works_while_another_is_busy() -> None:
    both = threading.Barrier(2, timeout=10)

    class Pair(Scribe):
        def transcribe(self, batch: Sequence[Utterance]) -> list[Transcript]:
            both.wait()  # passes only if two batches run at once
            return super().transcribe(batch)

    scribe = Pair()
    queue = a_queue(lambda: scribe, batch_size=1, lanes=2)
    await queue.start()
    put(queue, "a", "b")
    await queue.close(drain_s=10)
    assert sorted(heard(await collect_results(queue))) == ["a", "b"]
    assert len(scribe.threads) == 2


async def test_on_batch_is_called_on_the_loop_with_size_and_seconds() -> None:
    told: list[tuple[int, float, int]] = []
    queue = LocalQueue(
        Scribe,
        settings=SchedulerSettings(capacity=9, batch_size=8),
        on_batch=lambda size, seconds: told.append((size, seconds, threading.get_ident())),
    )
    await queue.start()
    put(queue, "a")
    await queue.close()
    ((size, seconds, thread),) = told
    assert (size, thread) == (1, threading.get_ident())
    assert 0 <= seconds < 5


@given(
    kinds=st.lists(
        st.sampled_from(("fine", "fine", "refused", "broken", "short", "|")), max_size=40
    ),
    capacity=st.integers(1, 12),
    batch_size=st.integers(1, 8),
    lanes=st.integers(1, 3),
    drain_s=st.sampled_from((0.0, 0.01, 5.0)),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_every_utterance_comes_out_exactly_once(
    kinds: list[str], capacity: int, batch_size: int, lanes: int, drain_s: float
) -> None:
    """`|` lets the model work for a moment."""
    queue = a_queue(Scribe, capacity=capacity, batch_size=batch_size, lanes=lanes)
    await queue.start()
    ids = []
    for number, kind in enumerate(kinds):
        if kind == "|":
            await asyncio.sleep(0.001)
        else:
            ids.append(f"{kind} {number}")
            put(queue, ids[-1])
            assert queue.waiting() <= capacity
    await queue.close(drain_s=drain_s)
    results = await collect_results(queue)
    came = heard(results) + [one.utterance.id for one in results if isinstance(one, Unheard)]
    assert Counter(came) == Counter(ids)
    assert all("fine" in id_ or "short" in id_ for id_ in heard(results))


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


@pytest.mark.parametrize(
    ("pcm", "why"),
    [(b"", "no sound"), (b"\0" * 3, "half a sample"), (bytes(32_000 * 31), "30 s at most")],
)
async def test_invalid_sound_is_refused_with_a_reason(pcm: bytes, why: str) -> None:
    scribe = Scribe()
    queue = a_queue(lambda: scribe)
    await queue.start()
    queue.put(an_utterance("bad", pcm))
    put(queue, "fine")
    await queue.close()
    results = await collect_results(queue)
    assert heard(results) == ["fine"]
    assert why in unheard(results)["bad"]
    assert scribe.batches == [["fine"]]
