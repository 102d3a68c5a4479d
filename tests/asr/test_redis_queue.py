from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from asr.reasons import NO_WORKER_IN_TIME
from asr.redis_queue import RedisQueue
from asr.redis_streams import Streams, StreamsRefused, job_id
from asr.speech import Transcript, WorkClass
from asr.stream_client import QueueTimes
from asr.stream_records import StreamLimits
from asr.wire import Lost, encode
from tests.asr.examples import an_utterance
from tests.asr.redis_stage import (
    QUICK,
    QUICK_QUEUE,
    Stage,
    next_results,
    put,
    until,
    wait_for_worker,
    wait_until_in_redis,
)
from tests.asr.scribe import Scribe, heard, named, unheard

pytestmark = [pytest.mark.anyio, pytest.mark.redis]


async def test_two_servers_share_workers_and_each_gets_its_own_results(stage: Stage) -> None:
    one, other = await stage.server(), await stage.server()
    put(one, "a", "b")
    put(other, "c", "d")
    async with stage.worker(Scribe()):
        assert set(heard(await next_results(one, 2))) == {"a", "b"}
        assert set(heard(await next_results(other, 2))) == {"c", "d"}


async def test_the_most_urgent_utterances_are_transcribed_first(stage: Stage) -> None:
    scribe = Scribe()
    queue = await stage.server()
    for work in reversed(WorkClass):
        put(queue, f"old {work}", f"new {work}", work=work)
    await wait_until_in_redis(stage, 10)
    async with stage.worker(scribe, batch=1):
        await next_results(queue, 10)
    order = [ids[0] for ids in scribe.batches]
    assert order == [f"{age} {work}" for work in WorkClass for age in ("old", "new")]


async def test_a_room_with_much_speech_does_not_delay_another(stage: Stage) -> None:
    scribe = Scribe()
    scribe.free.clear()
    queue = await stage.server()
    async with stage.worker(scribe, batch=1):
        await wait_for_worker(queue)
        for number in range(40):
            queue.put(replace(an_utterance(f"loud {number}"), room_id="loud"))
        await wait_until_in_redis(
            stage, 6
        )  # one runs, one is prepared, six wait in Redis and the rest here
        for number in range(3):
            queue.put(replace(an_utterance(f"quiet {number}"), room_id="quiet"))
        put(queue, "urgent", work=WorkClass.HOT_FINAL)
        assert queue.overview is not None
        scribe.free.set()
        order = heard(await next_results(queue, 44))
    assert {"urgent", "quiet 0", "quiet 1", "quiet 2"} <= set(order[: 8 + 8])


async def test_an_urgent_utterance_passes_all_that_wait(stage: Stage) -> None:
    scribe = Scribe(pace_s=0.1)
    queue = await stage.server()
    async with stage.worker(scribe, batch=1):
        put(queue, *(f"u{number}" for number in range(40)))
        await until(lambda: len(scribe.batches) > 3)
        put(queue, "urgent", work=WorkClass.HOT_FINAL)
        await until(lambda: ["urgent"] in scribe.batches)
        assert len(scribe.batches) < 12
        await next_results(queue, 41, 20)


async def test_dead_workers_with_entries_do_not_block_the_others(
    stage: Stage,
) -> None:
    stuck, scribe = Scribe(), Scribe()
    stuck.free.clear()
    queue = await stage.server(times=replace(QUICK_QUEUE, out_s=1.0))
    async with stage.worker(stuck, batch=8):
        await wait_for_worker(queue)
        put(queue, *(f"u{number}" for number in range(40)))
        await until(lambda: bool(stuck.batches))
        async with stage.worker(scribe, batch=1, times=replace(QUICK, least_idle_s=60)):
            found = heard(await next_results(queue, 24))
        assert len(found) == 24
        stuck.free.set()
        await next_results(queue, 16)


async def test_every_interim_utterance_gets_its_result(stage: Stage) -> None:
    """An interim utterance has the id of the final one, and both get results."""
    queue = await stage.server()
    scribe = Scribe()
    async with stage.worker(scribe):
        for revision in (1, 2, 0):
            queue.put(replace(an_utterance("u"), revision=revision))
            assert heard(await next_results(queue, 1)) == ["u"]
    assert scribe.batches == [["u"]] * 3


async def test_an_interim_utterance_put_twice_is_transcribed_once(stage: Stage) -> None:
    queue = await stage.server()
    put(queue, "u", "u")
    scribe = Scribe()
    async with stage.worker(scribe):
        assert heard(await next_results(queue, 1)) == ["u"]
        put(queue, "u")  # whose result Redis still has
        assert heard(await next_results(queue, 1)) == ["u"]
    assert scribe.batches == [["u"]]


@asynccontextmanager
async def slow_and_fast(stage: Stage, queue: RedisQueue) -> AsyncIterator[Scribe]:
    """Yield the slow one of two workers: it is stuck with `a`; the fast one has done `b` and `c`.

    What the slow one prepares meanwhile is another speaker's.
    """
    slow, fast = Scribe(), Scribe()
    slow.free.clear()
    async with stage.worker(slow, batch=1):
        put(queue, "a")
        await until(lambda: bool(slow.batches))
        queue.put(replace(an_utterance("other"), speaker_id="bob"))
        await wait_until_in_redis(stage, 0)
        async with stage.worker(fast, batch=1, times=replace(QUICK, least_idle_s=60)):
            put(queue, "b", "c")
            await until(lambda: len(fast.batches) == 2)
            yield slow


async def test_results_of_a_speaker_come_in_order_from_workers_of_different_speed(
    stage: Stage,
) -> None:
    queue = await stage.server(times=replace(QUICK_QUEUE, hold_s=30.0))
    async with slow_and_fast(stage, queue) as slow:
        slow.free.set()
        found = heard(await next_results(queue, 4))
        assert [id_ for id_ in found if id_ != "other"] == ["a", "b", "c"]


async def test_results_are_held_back_for_a_slow_worker_a_second_at_most(
    stage: Stage,
) -> None:
    assert QueueTimes().hold_s == 1.0
    queue = await stage.server(times=replace(QUICK_QUEUE, hold_s=0.1))
    async with slow_and_fast(stage, queue) as slow:
        assert heard(await next_results(queue, 2)) == ["b", "c"]
        slow.free.set()
        assert set(heard(await next_results(queue, 2))) == {"a", "other"}


async def test_without_a_worker_an_utterance_becomes_a_gap_at_its_deadline(stage: Stage) -> None:
    queue = await stage.server(deadline_s=0.4)
    put(queue, "a")
    assert unheard(await next_results(queue, 1)) == {"a": NO_WORKER_IN_TIME}
    assert queue.waiting() == 0


async def test_an_utterance_past_its_deadline_is_not_transcribed(stage: Stage) -> None:
    queue = await stage.server(deadline_s=0.4)
    put(queue, "a")
    await next_results(queue, 1)
    scribe = Scribe()
    async with stage.worker(scribe):
        put(queue, "b")
        assert heard(await next_results(queue, 1)) == ["b"]
    assert scribe.batches == [["b"]]
    assert (await stage.streams().read_overview()).bytes == 0


async def test_a_transcript_after_the_deadline_is_dropped(stage: Stage) -> None:
    scribe = Scribe()
    scribe.free.clear()
    queue = await stage.server(deadline_s=0.5)
    async with stage.worker(scribe):
        put(queue, "slow")
        await until(lambda: scribe.batches == [["slow"]])
        assert unheard(await next_results(queue, 1)) == {"slow": NO_WORKER_IN_TIME}
        scribe.free.set()
        put(queue, "next")
        assert named(await next_results(queue, 1)) == ["next"]


async def test_invalid_sound_is_refused_at_once_with_a_reason(stage: Stage) -> None:
    queue = await stage.server()
    queue.put(an_utterance("empty", b""))
    queue.put(an_utterance("odd", b"\0\0\0"))
    queue.put(an_utterance("endless", bytes(31 * 32_000)))
    reasons = unheard(await next_results(queue, 3))
    assert "no sound" in reasons["empty"]
    assert "half a sample" in reasons["odd"]
    assert "30 s at most" in reasons["endless"]


@pytest.mark.parametrize("body", [b"", b"RIFF", encode(Lost("what?")), b"es\x09\x01" + bytes(8)])
async def test_an_invalid_entry_is_refused_and_the_worker_goes_on(
    stage: Stage, body: bytes
) -> None:
    queue = await stage.server()
    utterance = an_utterance("odd")
    put(queue, "odd")
    await wait_until_in_redis(stage, 1)
    streams = stage.streams()
    stage.redis.command("DEL", f"{streams.prefix}work:final")
    stage.redis.command("DEL", f"{streams.prefix}job:{job_id(utterance, stage.model)}")
    await streams.enqueue(
        job_id(utterance, stage.model),
        utterance,
        body,
        server=queue._client._server,
        left_ms=30_000,
        keep_ms=30_000,
        limits=StreamLimits(),
    )
    async with stage.worker(Scribe()):
        (reason,) = unheard(await next_results(queue, 1)).values()
        assert reason.startswith("it came")
        put(queue, "fine")
        assert heard(await next_results(queue, 1)) == ["fine"]
    assert (await streams.read_overview()).dead == 1


@pytest.mark.parametrize("body", [b"", b"es", encode(an_utterance())])
async def test_a_result_that_is_no_transcript_is_a_gap(stage: Stage, body: bytes) -> None:
    queue = await stage.server()
    put(queue, "a")
    await wait_until_in_redis(stage, 1)
    streams = stage.streams()
    (entry,) = await streams.fetch_entries("me", 1)
    assert await streams.complete_entry(entry, body)
    assert list(unheard(await next_results(queue, 1))) == ["a"]


async def test_only_the_first_of_two_results_counts(stage: Stage) -> None:
    queue = await stage.server()
    put(queue, "a")
    await wait_until_in_redis(stage, 1)
    streams = stage.streams()
    (entry,) = await streams.fetch_entries("me", 1)
    assert await streams.complete_entry(entry, encode(Lost("first")))
    assert not await streams.complete_entry(entry, encode(Lost("second")))
    assert unheard(await next_results(queue, 1)) == {"a": "first"}


async def test_readiness_says_what_is_missing(stage: Stage) -> None:
    queue = await stage.server()
    none = f"no worker runs the model {stage.model}; start `earshot worker` with it"
    assert queue.unready() == none
    async with stage.worker(Scribe(), model="another"):
        await until(lambda: "workers run another" in str(queue.unready()))
        async with stage.worker(Scribe()):
            await until(lambda: queue.unready() is None)
            assert queue.overview is not None
            (seen,) = [one for one in queue.overview.workers if one.model == stage.model]
            assert (seen.device, seen.batch, seen.busy) == ("nowhere", 4, False)
    await until(lambda: queue.unready() == none)


async def test_a_wrong_password_is_an_error_at_the_start(stage: Stage) -> None:
    url = stage.redis.url.replace("a-test-password", "guessed")
    queue = RedisQueue(Streams(url, "m"), "m", capacity=1, deadline_s=1)
    with pytest.raises(StreamsRefused, match="password in EARSHOT_REDIS_URL") as refused:
        await queue.start()
    assert "guessed" not in str(refused.value)
    await queue.close()


async def test_a_transcript_carries_the_models_name(stage: Stage) -> None:
    queue = await stage.server()
    put(queue, "a")
    async with stage.worker(Scribe(model=stage.model)):
        (found,) = await next_results(queue, 1)
    assert isinstance(found, Transcript)
    assert found.model == stage.model
