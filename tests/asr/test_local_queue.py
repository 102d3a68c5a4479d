from __future__ import annotations

import asyncio
import math
import threading
import time
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asr.local_queue import LocalQueue
from asr.scheduler import SchedulerSettings
from asr.speech import Transcript, Unheard, Utterance
from tests.asr.examples import an_utterance
from tests.asr.local_queues import a_queue, collect_results, put, until
from tests.asr.scribe import Scribe, heard, unheard

pytestmark = pytest.mark.anyio


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


async def test_a_queue_that_was_never_started_closes() -> None:
    queue = a_queue(Scribe)
    put(queue, "early")
    await queue.close()
    assert list(unheard(await collect_results(queue))) == ["early"]


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
    measured: list[tuple[int, float, int]] = []
    queue = LocalQueue(
        Scribe,
        settings=SchedulerSettings(capacity=9, batch_size=8),
        on_batch=lambda size, seconds: measured.append((size, seconds, threading.get_ident())),
    )
    await queue.start()
    put(queue, "a")
    await queue.close()
    ((size, seconds, thread),) = measured
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
