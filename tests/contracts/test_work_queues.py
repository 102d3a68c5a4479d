"""Contract of every work queue. Add a new one to the fixture `make`."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asr.reasons import REPLACED, SPEECH_ENDED
from asr.speech import Transcript, Utterance, WorkClass
from tests.asr.examples import an_utterance
from tests.asr.scribe import Scribe, heard, named, unheard
from tests.contracts.work_queues import FOREVER, QueueMaker, collect_results, queue_maker
from tests.rooms.calls import until

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["in process", pytest.param("redis", marks=pytest.mark.redis)])
async def make(request: pytest.FixtureRequest) -> AsyncIterator[QueueMaker]:
    redis = request.getfixturevalue("redis") if request.param == "redis" else None
    async with queue_maker(request.param, redis) as maker:
        yield maker


def some(*ids: str) -> list[Utterance]:
    return [an_utterance(id_) for id_ in ids]


async def test_an_utterance_comes_back_as_its_transcript(make: QueueMaker) -> None:
    queue = await make.start(Scribe())
    queue.put(an_utterance("lone"))
    async with asyncio.timeout(5):
        result = await anext(queue.results())
    assert isinstance(result, Transcript)
    assert (result.utterance_id, result.text) == ("lone", "words of lone")


async def test_every_utterance_put_comes_out_once(make: QueueMaker) -> None:
    queue = await make.start(Scribe())
    ids = [str(number) for number in range(60)]
    for one in some(*ids):
        queue.put(one)
    await queue.close(drain_s=FOREVER)
    results = await collect_results(queue)
    assert Counter(heard(results)) == Counter(ids)
    assert queue.waiting() == 0


async def test_utterances_of_one_class_come_out_in_the_order_of_their_puts(
    make: QueueMaker,
) -> None:
    queue = await make.start(Scribe(), batch=3)
    ids = [str(number) for number in range(20)]
    for one in some(*ids):
        queue.put(one)
    await queue.close(drain_s=FOREVER)
    assert heard(await collect_results(queue)) == ids


async def test_an_interim_utterance_leaves_for_a_newer_one_and_that_for_the_final(
    make: QueueMaker,
) -> None:
    scribe = Scribe()
    scribe.free.clear()
    queue = await make.start(scribe, batch=1)
    queue.put(replace(an_utterance("busy"), speaker_id="other"))
    await until(lambda: scribe.batches == [["busy"]])
    interim = [
        replace(an_utterance("speech"), work=WorkClass.HOT_PARTIAL, revision=revision)
        for revision in (1, 2)
    ]
    results = queue.results()
    for newer in (*interim, an_utterance("speech")):
        queue.put(newer)
    async with asyncio.timeout(5):
        assert unheard([await anext(results)]) == {"speech": REPLACED}
        assert unheard([await anext(results)]) == {"speech": SPEECH_ENDED}
        scribe.free.set()
        assert [heard([await anext(results)]) for _ in range(2)] == [["busy"], ["speech"]]
    assert queue.waiting() == 0


@pytest.mark.parametrize("work", WorkClass)
async def test_utterances_of_every_class_are_transcribed(make: QueueMaker, work: WorkClass) -> None:
    queue = await make.start(Scribe())
    queue.put(replace(an_utterance(), work=work))
    async with asyncio.timeout(5):
        assert isinstance(await anext(queue.results()), Transcript)


async def test_a_put_never_blocks_and_a_full_queue_drops_the_oldest_with_a_reason(
    make: QueueMaker,
) -> None:
    scribe = Scribe()
    scribe.free.clear()
    queue = await make.start(scribe, capacity=6, batch=1)
    queue.put(an_utterance("working"))
    await until(lambda: len(scribe.batches) == 1)
    ids = [str(number) for number in range(40)]
    for one in some(*ids):
        queue.put(one)
    scribe.free.set()
    await queue.close(drain_s=FOREVER)
    results = await collect_results(queue)
    assert Counter(named(results)) == Counter(["working", *ids])
    assert set(unheard(results).values()) == {"transcription is overloaded"}
    assert set(ids[-4:]) <= set(heard(results))
    assert len(unheard(results)) >= 40 - 6 - 1


@pytest.mark.parametrize("how", ["refused", "broken", "short"])
async def test_only_the_bad_utterance_of_a_failing_batch_is_unheard(
    make: QueueMaker, how: str
) -> None:
    scribe = Scribe()
    scribe.free.clear()
    queue = await make.start(scribe)
    queue.put(an_utterance("first"))
    await until(lambda: len(scribe.batches) == 1)
    for one in some("a", "b", how, "c", "d"):
        queue.put(one)
    scribe.free.set()
    await queue.close(drain_s=FOREVER)
    results = await collect_results(queue)
    assert sorted(heard(results)) == ["a", "b", "c", "d", "first"]
    assert unheard(results) == {how: "the model could not transcribe it"}


async def test_an_utterance_put_after_the_close_comes_out_with_a_reason(make: QueueMaker) -> None:
    queue = await make.start(Scribe())
    closing = asyncio.create_task(queue.close())
    await asyncio.sleep(0)
    queue.put(an_utterance("late"))
    await closing
    assert unheard(await collect_results(queue)) == {"late": "the server is stopping"}


async def test_an_immediate_close_returns_every_utterance(make: QueueMaker) -> None:
    queue = await make.start(Scribe(pace_s=0.05), batch=1)
    ids = [str(number) for number in range(30)]
    for one in some(*ids):
        queue.put(one)
    await asyncio.sleep(0.12)
    await queue.close(drain_s=0)
    results = await collect_results(queue)
    assert Counter(named(results)) == Counter(ids)
    assert set(unheard(results).values()) == {"the server is stopping"}


async def test_closing_twice_ends_the_results_once(make: QueueMaker) -> None:
    queue = await make.start(Scribe())
    await queue.close()
    await queue.close()
    assert await collect_results(queue) == []


@given(
    kinds=st.lists(st.sampled_from(("fine", "fine", "refused", "broken", "|")), max_size=30),
    capacity=st.integers(1, 12),
    batch=st.integers(1, 8),
    drain_s=st.sampled_from((0.0, 0.05, FOREVER)),
)
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_every_utterance_comes_out_exactly_once(
    make: QueueMaker, kinds: list[str], capacity: int, batch: int, drain_s: float
) -> None:
    """`|` lets the model work for a moment."""
    queue = await make.start(Scribe(), capacity=capacity, batch=batch)
    ids = []
    for number, kind in enumerate(kinds):
        if kind == "|":
            await asyncio.sleep(0.002)
        else:
            ids.append(f"{kind} {number}")
            queue.put(an_utterance(ids[-1]))
    await queue.close(drain_s=drain_s)
    results = await collect_results(queue)
    await make.close_all()
    assert Counter(named(results)) == Counter(ids)
    assert all("fine" in id_ for id_ in heard(results))
