from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from signal import SIGKILL

import pytest

from asr.ladder import Rung
from asr.reasons import NO_WORKER_IN_TIME, OVERLOADED
from asr.redis_queue import RedisQueue
from asr.redis_streams import Streams, StreamsAway, StreamsRefused, address_without_password, job_id
from asr.speech import Transcript, Utterance, WorkClass
from asr.stream_client import QueueTimes
from asr.stream_records import StreamLimits
from asr.transcriber import Effort
from asr.windows import FULL
from asr.wire import Lost, encode
from tests.asr.examples import an_utterance
from tests.asr.redis_stage import (
    QUICK,
    QUICK_LADDER,
    QUICK_OVERLOAD,
    QUICK_QUEUE,
    Stage,
    some,
    staged,
    until,
)
from tests.asr.scribe import Scribe, heard, named, unheard
from tests.redis import RedisServer

pytestmark = [pytest.mark.anyio, pytest.mark.redis]


@pytest.fixture
async def stage(redis: RedisServer) -> AsyncIterator[Stage]:
    async with staged(redis) as stage:
        yield stage


@pytest.fixture
async def own_stage(own_redis: RedisServer) -> AsyncIterator[Stage]:
    async with staged(own_redis) as stage:
        yield stage


def put(queue: RedisQueue, *ids: str, work: WorkClass = WorkClass.FINAL) -> None:
    for id_ in ids:
        queue.put(replace(an_utterance(id_), work=work))


def behind_s(queue: RedisQueue, work: WorkClass) -> float:
    """Return the wait of the oldest utterance of a class, in seconds."""
    return 0.0 if queue.overview is None else queue.overview.behind_s[work]


async def in_redis(stage: Stage, count: int) -> None:
    streams = stage.streams()
    async with asyncio.timeout(5):
        while sum((await streams.read_overview()).waiting.values()) != count:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_two_servers_share_workers_and_each_gets_its_own_results(stage: Stage) -> None:
    one, other = await stage.server(), await stage.server()
    put(one, "a", "b")
    put(other, "c", "d")
    async with stage.worker(Scribe()):
        assert set(heard(await some(one, 2))) == {"a", "b"}
        assert set(heard(await some(other, 2))) == {"c", "d"}


async def test_the_most_urgent_utterances_are_transcribed_first(stage: Stage) -> None:
    scribe = Scribe()
    queue = await stage.server()
    for work in reversed(WorkClass):
        put(queue, f"old {work}", f"new {work}", work=work)
    await in_redis(stage, 10)
    async with stage.worker(scribe, batch=1):
        await some(queue, 10)
    order = [ids[0] for ids in scribe.batches]
    assert order == [f"{age} {work}" for work in WorkClass for age in ("old", "new")]


async def worker_known(queue: RedisQueue) -> None:
    """Wait until the queue knows its worker, and that it is busy."""
    await until(lambda: queue.overview is not None and bool(queue.overview.workers))


async def test_a_room_with_much_speech_does_not_delay_another(stage: Stage) -> None:
    scribe = Scribe()
    scribe.free.clear()
    queue = await stage.server()
    async with stage.worker(scribe, batch=1):
        await worker_known(queue)
        for number in range(40):
            queue.put(replace(an_utterance(f"loud {number}"), room_id="loud"))
        await in_redis(stage, 6)  # one runs, one is prepared, six wait in Redis and the rest here
        for number in range(3):
            queue.put(replace(an_utterance(f"quiet {number}"), room_id="quiet"))
        put(queue, "urgent", work=WorkClass.HOT_FINAL)
        assert queue.overview is not None
        scribe.free.set()
        order = heard(await some(queue, 44))
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
        await some(queue, 41, 20)


@pytest.mark.parametrize("how", ["CLIENT KILL TYPE normal", "FLUSHALL"])
async def test_a_short_failure_of_redis_does_not_cost_rooms_their_turns(
    own_stage: Stage, how: str
) -> None:
    scribe = Scribe(pace_s=0.05)
    queue = await own_stage.server()
    async with own_stage.worker(scribe, batch=1):
        await worker_known(queue)
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
        await worker_known(queue)
        put(queue, *(f"u{number}" for number in range(40)))
        own_stage.redis.stop()
        await until(lambda: queue.overview is None)
        put(queue, "new")
        assert len(unheard(await some(queue, 1))) == 1
        own_stage.redis.start()
        scribe.free.set()
        assert len(heard(await some(queue, 40, 30))) == 40


async def test_utterances_that_wait_for_redis_keep_their_order(own_stage: Stage) -> None:
    scribe = Scribe()
    queue = await own_stage.server()
    own_stage.redis.stop()
    put(queue, *(f"u{number:02}" for number in range(20)))
    await asyncio.sleep(3 * sum(QUICK_QUEUE.retry_s))
    own_stage.redis.start()
    async with own_stage.worker(scribe, batch=1):
        await some(queue, 20, 20)
    assert [ids[0] for ids in scribe.batches] == [f"u{number:02}" for number in range(20)]


async def test_utterances_in_the_outbox_count_as_waiting(stage: Stage) -> None:
    scribe = Scribe()
    scribe.free.clear()
    queue = await stage.server(times=QUICK_OVERLOAD)
    async with stage.worker(scribe, batch=1):
        await worker_known(queue)
        put(queue, *(f"u{number}" for number in range(20)))
        await until(lambda: queue.rung is Rung.NO_LOOKS)
        assert queue.overview is not None
        assert queue.overview.waiting[WorkClass.FINAL] == 18
        assert queue.overview.behind_s[WorkClass.FINAL] > QUICK_LADDER.climb_s[Rung.NO_LOOKS]
        scribe.free.set()
        await some(queue, 20)
        await until(lambda: queue.rung is Rung.NONE)


@dataclass
class Hurried(Scribe):
    """A `WindowedTranscriber` that records the efforts asked for."""

    efforts: list[tuple[Effort, bool]] = field(default_factory=list)

    def window_frames(self, duration_ms: int) -> int:
        return FULL

    def transcribe(
        self, batch: Sequence[Utterance], *, effort: Effort = Effort.FULL, coalesce: bool = False
    ) -> list[Transcript]:
        self.efforts.append((effort, coalesce))
        return super().transcribe(batch)


async def test_workers_reduce_their_effort_while_finals_are_late(stage: Stage) -> None:
    scribe = Hurried()
    scribe.free.clear()
    queue = await stage.server(times=QUICK_OVERLOAD)
    async with stage.worker(scribe, batch=1):
        await worker_known(queue)
        put(queue, *(f"u{number}" for number in range(20)))
        await until(lambda: queue.rung is Rung.COALESCE)
        scribe.free.set()
        await some(queue, 20)
        await until(lambda: queue.rung is Rung.NONE, 15)
        put(queue, "later")
        await some(queue, 1)
    assert scribe.efforts[0] == scribe.efforts[-1] == (Effort.FULL, False)
    assert (Effort.FAST, True) in scribe.efforts


async def test_waiting_interim_utterances_do_not_lower_the_quality_of_finals(stage: Stage) -> None:
    scribe = Scribe()
    scribe.free.clear()
    queue = await stage.server(times=QUICK_OVERLOAD)
    async with stage.worker(scribe, batch=1):
        await worker_known(queue)
        put(queue, "at work", "prepared")
        await until(lambda: bool(scribe.batches))
        for number in range(9):
            one = replace(an_utterance(f"u{number}"), speaker_id=f"s{number}", revision=1)
            queue.put(replace(one, work=WorkClass.HOT_PARTIAL))
        await until(lambda: queue.rung is Rung.NO_LOOKS)
        long_s = QUICK_LADDER.climb_s[Rung.COALESCE] + QUICK_LADDER.patience_s
        await until(lambda: behind_s(queue, WorkClass.HOT_PARTIAL) > long_s)
        assert queue.rung is Rung.NO_LOOKS
        scribe.free.set()
        await some(queue, 11)


async def test_dead_workers_with_entries_do_not_block_the_others(
    stage: Stage,
) -> None:
    stuck, scribe = Scribe(), Scribe()
    stuck.free.clear()
    queue = await stage.server(times=replace(QUICK_QUEUE, out_s=1.0))
    async with stage.worker(stuck, batch=8):
        await worker_known(queue)
        put(queue, *(f"u{number}" for number in range(40)))
        await until(lambda: bool(stuck.batches))
        async with stage.worker(scribe, batch=1, times=replace(QUICK, least_idle_s=60)):
            found = heard(await some(queue, 24))
        assert len(found) == 24
        stuck.free.set()
        await some(queue, 16)


async def test_every_interim_utterance_gets_its_result(stage: Stage) -> None:
    """An interim utterance has the id of the final one, and both get results."""
    queue = await stage.server()
    scribe = Scribe()
    async with stage.worker(scribe):
        for revision in (1, 2, 0):
            queue.put(replace(an_utterance("u"), revision=revision))
            assert heard(await some(queue, 1)) == ["u"]
    assert scribe.batches == [["u"]] * 3


async def test_an_interim_utterance_put_twice_is_transcribed_once(stage: Stage) -> None:
    queue = await stage.server()
    put(queue, "u", "u")
    scribe = Scribe()
    async with stage.worker(scribe):
        assert heard(await some(queue, 1)) == ["u"]
        put(queue, "u")  # whose result Redis still has
        assert heard(await some(queue, 1)) == ["u"]
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
        await in_redis(stage, 0)
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
        found = heard(await some(queue, 4))
        assert [id_ for id_ in found if id_ != "other"] == ["a", "b", "c"]


async def test_results_are_held_back_for_a_slow_worker_a_second_at_most(
    stage: Stage,
) -> None:
    assert QueueTimes().hold_s == 1.0
    queue = await stage.server(times=replace(QUICK_QUEUE, hold_s=0.1))
    async with slow_and_fast(stage, queue) as slow:
        assert heard(await some(queue, 2)) == ["b", "c"]
        slow.free.set()
        assert set(heard(await some(queue, 2))) == {"a", "other"}


async def test_without_a_worker_an_utterance_becomes_a_gap_at_its_deadline(stage: Stage) -> None:
    queue = await stage.server(deadline_s=0.4)
    put(queue, "a")
    assert unheard(await some(queue, 1)) == {"a": NO_WORKER_IN_TIME}
    assert queue.waiting() == 0


async def test_an_utterance_past_its_deadline_is_not_transcribed(stage: Stage) -> None:
    queue = await stage.server(deadline_s=0.4)
    put(queue, "a")
    await some(queue, 1)
    scribe = Scribe()
    async with stage.worker(scribe):
        put(queue, "b")
        assert heard(await some(queue, 1)) == ["b"]
    assert scribe.batches == [["b"]]
    assert (await stage.streams().read_overview()).bytes == 0


async def test_a_transcript_after_the_deadline_is_dropped(stage: Stage) -> None:
    scribe = Scribe()
    scribe.free.clear()
    queue = await stage.server(deadline_s=0.5)
    async with stage.worker(scribe):
        put(queue, "slow")
        await until(lambda: scribe.batches == [["slow"]])
        assert unheard(await some(queue, 1)) == {"slow": NO_WORKER_IN_TIME}
        scribe.free.set()
        put(queue, "next")
        assert named(await some(queue, 1)) == ["next"]


@pytest.mark.parametrize("work", [WorkClass.FINAL, WorkClass.HOT_FINAL])
async def test_a_full_redis_drops_the_oldest_of_the_least_urgent(
    stage: Stage, work: WorkClass
) -> None:
    queue = await stage.server(limits=StreamLimits(entries=4))
    put(queue, "partial 1", "partial 2", work=WorkClass.PARTIAL)
    put(queue, "final 1", "final 2")
    await in_redis(stage, 4)
    put(queue, "new", work=work)
    assert unheard(await some(queue, 1)) == {"partial 1": OVERLOADED}
    await in_redis(stage, 4)


async def test_a_new_utterance_waits_while_redis_is_full_of_equally_urgent_ones(
    stage: Stage,
) -> None:
    queue = await stage.server(limits=StreamLimits(entries=2))
    put(queue, "final 1", "final 2")
    await in_redis(stage, 2)
    put(queue, "partial", work=WorkClass.PARTIAL)
    put(queue, "final 3")
    await asyncio.sleep(0.2)
    await in_redis(stage, 2)
    async with stage.worker(Scribe()):
        assert heard(await some(queue, 4))[-1] == "partial"


async def test_the_bytes_of_sound_are_bounded_too(stage: Stage) -> None:
    queue = await stage.server(limits=StreamLimits(bytes=100_000))
    put(queue, "a", "b", "c")  # each of 32,000 bytes
    await in_redis(stage, 3)
    put(queue, "d")
    queue.put(an_utterance("long", bytes(200_000)))
    assert set(unheard(await some(queue, 1))) == {"long"}
    put(queue, "hot", work=WorkClass.HOT_FINAL)
    assert unheard(await some(queue, 1)) == {"a": OVERLOADED}
    put(queue, *"efgh")  # three of them may wait here
    gone = await some(queue, 1)
    async with stage.worker(Scribe()):
        gone += await some(queue, 7)
    assert {"hot", "b", "c", "h"} <= set(heard(gone))
    assert set(unheard(gone).values()) == {OVERLOADED}
    assert (await stage.streams().read_overview()).bytes == 0


async def test_a_dropped_utterance_of_another_server_is_reported_there(stage: Stage) -> None:
    one = await stage.server(limits=StreamLimits(entries=1))
    other = await stage.server(limits=StreamLimits(entries=1))
    put(one, "a")
    await in_redis(stage, 1)
    put(other, "b", work=WorkClass.HOT_FINAL)
    assert unheard(await some(one, 1)) == {"a": OVERLOADED}


async def test_an_utterance_at_a_worker_is_not_dropped(stage: Stage) -> None:
    scribe = Scribe()
    scribe.free.clear()
    queue = await stage.server(limits=StreamLimits(entries=2))
    async with stage.worker(scribe, batch=1):
        put(queue, "working")
        await until(lambda: len(scribe.batches) == 1)
        put(queue, "waiting")
        await in_redis(stage, 0)
        put(queue, *"abcdef", work=WorkClass.HOT_FINAL)
        await asyncio.sleep(0.2)
        scribe.free.set()
        assert set(heard(await some(queue, 8))) == {"working", "waiting", *"abcdef"}


async def test_invalid_sound_is_refused_at_once_with_a_reason(stage: Stage) -> None:
    queue = await stage.server()
    queue.put(an_utterance("empty", b""))
    queue.put(an_utterance("odd", b"\0\0\0"))
    queue.put(an_utterance("endless", bytes(31 * 32_000)))
    reasons = unheard(await some(queue, 3))
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
    await in_redis(stage, 1)
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
        (reason,) = unheard(await some(queue, 1)).values()
        assert reason.startswith("it came")
        put(queue, "fine")
        assert heard(await some(queue, 1)) == ["fine"]
    assert (await streams.read_overview()).dead == 1


@pytest.mark.parametrize("body", [b"", b"es", encode(an_utterance())])
async def test_a_result_that_is_no_transcript_is_a_gap(stage: Stage, body: bytes) -> None:
    queue = await stage.server()
    put(queue, "a")
    await in_redis(stage, 1)
    streams = stage.streams()
    (entry,) = await streams.fetch_entries("me", 1)
    assert await streams.complete_entry(entry, body)
    assert list(unheard(await some(queue, 1))) == ["a"]


async def test_only_the_first_of_two_results_counts(stage: Stage) -> None:
    queue = await stage.server()
    put(queue, "a")
    await in_redis(stage, 1)
    streams = stage.streams()
    (entry,) = await streams.fetch_entries("me", 1)
    assert await streams.complete_entry(entry, encode(Lost("first")))
    assert not await streams.complete_entry(entry, encode(Lost("second")))
    assert unheard(await some(queue, 1)) == {"a": "first"}


async def test_a_queue_waits_for_a_redis_that_is_away(own_stage: Stage) -> None:
    own_stage.redis.stop()
    queue = await own_stage.server()
    put(queue, "a", "b")
    assert "fails" in str(queue.unready())
    async with own_stage.worker(Scribe()):
        own_stage.redis.start()
        assert heard(await some(queue, 2, 20)) == ["a", "b"]
        await until(lambda: queue.unready() is None)


async def test_gaps_say_that_redis_stayed_away(own_stage: Stage) -> None:
    queue = await own_stage.server(deadline_s=1.0)
    own_stage.redis.stop(SIGKILL)
    put(queue, "a")
    (reason,) = unheard(await some(queue, 1)).values()
    assert reason == f"{NO_WORKER_IN_TIME}: Redis is away"


async def test_the_outbox_is_bounded_while_redis_is_away(own_stage: Stage) -> None:
    own_stage.redis.stop()
    queue = await own_stage.server(capacity=3)
    put(queue, "final 1", "final 2")
    put(queue, "partial 1", "partial 2", work=WorkClass.PARTIAL)
    put(queue, "final 3")
    assert unheard(await some(queue, 2)) == {"partial 1": OVERLOADED, "partial 2": OVERLOADED}
    assert queue.waiting() == 3


async def test_jobs_that_redis_forgot_are_sent_again(own_stage: Stage) -> None:
    queue = await own_stage.server()
    put(queue, "a", "b", "c")
    await in_redis(own_stage, 3)
    own_stage.redis.command("FLUSHALL")
    own_stage.redis.stop(SIGKILL)
    own_stage.redis.start()
    async with own_stage.worker(Scribe()):
        assert sorted(heard(await some(queue, 3, 20))) == ["a", "b", "c"]


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


@pytest.mark.parametrize("url", ["redis//host", "http://host", "redis://host:port/0", "::"])
def test_an_invalid_redis_address_is_refused_with_the_address(url: str) -> None:
    with pytest.raises(StreamsRefused, match="use redis://host"):
        Streams(url, "m")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("redis://:secret@host/0", "redis://host:6379/0"),
        ("rediss://me:secret@[::1]:6380", "rediss://[::1]:6380"),
        ("unix:///run/redis.sock?password=secret", "unix:///run/redis.sock"),
    ],
)
def test_an_address_is_shown_without_its_password(url: str, says: str) -> None:
    assert address_without_password(url) == says


async def test_a_redis_that_hangs_counts_as_away(stage: Stage) -> None:
    calls: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda _, writer: calls.append(writer), "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    streams = Streams(f"redis://127.0.0.1:{port}/0", "m", answer_s=0.2)
    with pytest.raises(StreamsAway, match="does not answer within 0.2 s"):
        await streams.check()
    await streams.close()
    silent.close()
    for call in calls:
        call.close()
        await call.wait_closed()


def test_a_job_has_one_id_for_each_revision_and_model() -> None:
    utterance = an_utterance()
    ids = {
        job_id(utterance, "m"),
        job_id(replace(utterance, revision=1), "m"),
        job_id(utterance, "n"),
        job_id(replace(utterance, id="u2"), "m"),
    }
    assert len(ids) == 4
    assert job_id(replace(utterance, pcm=b"\0\0"), "m") in ids


async def test_a_transcript_carries_the_models_name(stage: Stage) -> None:
    queue = await stage.server()
    put(queue, "a")
    async with stage.worker(Scribe(model=stage.model)):
        (found,) = await some(queue, 1)
    assert isinstance(found, Transcript)
    assert found.model == stage.model
