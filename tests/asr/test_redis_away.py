"""The queue over a Redis that fails, goes away or forgets."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from signal import SIGKILL

import pytest

from asr.reasons import NO_WORKER_IN_TIME, OVERLOADED
from asr.speech import WorkClass
from tests.asr.examples import an_utterance
from tests.asr.redis_stage import (
    QUICK_QUEUE,
    Stage,
    next_results,
    put,
    until,
    wait_for_worker,
    wait_until_in_redis,
)
from tests.asr.scribe import Scribe, heard, unheard

pytestmark = [pytest.mark.anyio, pytest.mark.redis]


@pytest.mark.parametrize("how", ["CLIENT KILL TYPE normal", "FLUSHALL"])
async def test_a_short_failure_of_redis_does_not_cost_rooms_their_turns(
    own_stage: Stage, how: str
) -> None:
    scribe = Scribe(pace_s=0.05)
    queue = await own_stage.server()
    async with own_stage.worker(scribe, batch=1):
        await wait_for_worker(queue)
        for number in range(100):
            queue.put(replace(an_utterance(f"loud {number}"), room_id="loud"))
        await until(lambda: len(scribe.batches) > 3)
        own_stage.redis.command(*how.split())
        await asyncio.sleep(1.5)
        begun = len(scribe.batches)
        queue.put(replace(an_utterance("quiet"), room_id="quiet", speaker_id="bob"))
        await until(lambda: ["quiet"] in scribe.batches)
        assert scribe.batches.index(["quiet"]) - begun < 25


async def test_a_redis_that_goes_away_loses_no_waiting_utterance(own_stage: Stage) -> None:
    scribe = Scribe()
    scribe.free.clear()
    queue = await own_stage.server(capacity=5)
    async with own_stage.worker(scribe, batch=1):
        await wait_for_worker(queue)
        put(queue, *(f"u{number}" for number in range(40)))
        own_stage.redis.stop()
        await until(lambda: queue.overview is None)
        put(queue, "new")
        assert len(unheard(await next_results(queue, 1))) == 1
        own_stage.redis.start()
        scribe.free.set()
        assert len(heard(await next_results(queue, 40, 30))) == 40


async def test_utterances_that_wait_for_redis_keep_their_order(own_stage: Stage) -> None:
    scribe = Scribe()
    queue = await own_stage.server()
    own_stage.redis.stop()
    put(queue, *(f"u{number:02}" for number in range(20)))
    await asyncio.sleep(3 * sum(QUICK_QUEUE.retry_s))
    own_stage.redis.start()
    async with own_stage.worker(scribe, batch=1):
        await next_results(queue, 20, 20)
    assert [ids[0] for ids in scribe.batches] == [f"u{number:02}" for number in range(20)]


async def test_a_queue_waits_for_a_redis_that_is_away(own_stage: Stage) -> None:
    own_stage.redis.stop()
    queue = await own_stage.server()
    put(queue, "a", "b")
    assert "fails" in str(queue.unready())
    async with own_stage.worker(Scribe()):
        own_stage.redis.start()
        assert heard(await next_results(queue, 2, 20)) == ["a", "b"]
        await until(lambda: queue.unready() is None)


async def test_gaps_say_that_redis_stayed_away(own_stage: Stage) -> None:
    queue = await own_stage.server(deadline_s=1.0)
    own_stage.redis.stop(SIGKILL)
    put(queue, "a")
    (reason,) = unheard(await next_results(queue, 1)).values()
    assert reason == f"{NO_WORKER_IN_TIME}: Redis is away"


async def test_the_outbox_is_bounded_while_redis_is_away(own_stage: Stage) -> None:
    own_stage.redis.stop()
    queue = await own_stage.server(capacity=3)
    put(queue, "final 1", "final 2")
    put(queue, "partial 1", "partial 2", work=WorkClass.PARTIAL)
    put(queue, "final 3")
    assert unheard(await next_results(queue, 2)) == {
        "partial 1": OVERLOADED,
        "partial 2": OVERLOADED,
    }
    assert queue.waiting() == 3


async def test_jobs_that_redis_forgot_are_sent_again(own_stage: Stage) -> None:
    queue = await own_stage.server()
    put(queue, "a", "b", "c")
    await wait_until_in_redis(own_stage, 3)
    own_stage.redis.command("FLUSHALL")
    own_stage.redis.stop(SIGKILL)
    own_stage.redis.start()
    async with own_stage.worker(Scribe()):
        assert sorted(heard(await next_results(queue, 3, 20))) == ["a", "b", "c"]
