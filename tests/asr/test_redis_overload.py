"""The queue over Redis under overload."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from asr.overload_ladder import Rung
from asr.reasons import OVERLOADED
from asr.speech import Transcript, Utterance, WorkClass
from asr.stream_records import StreamLimits
from asr.transcriber import Effort
from asr.windows import FULL
from tests.asr.examples import an_utterance
from tests.asr.redis_stage import (
    QUICK_LADDER,
    QUICK_OVERLOAD,
    Stage,
    behind_s,
    next_results,
    put,
    until,
    wait_for_worker,
    wait_until_in_redis,
)
from tests.asr.scribe import Scribe, heard, unheard

pytestmark = [pytest.mark.anyio, pytest.mark.redis]


async def test_utterances_in_the_outbox_count_as_waiting(stage: Stage) -> None:
    scribe = Scribe()
    scribe.free.clear()
    queue = await stage.server(times=QUICK_OVERLOAD)
    async with stage.worker(scribe, batch=1):
        await wait_for_worker(queue)
        put(queue, *(f"u{number}" for number in range(20)))
        await until(lambda: queue.rung is Rung.NO_LOOKS)
        assert queue.overview is not None
        assert queue.overview.waiting[WorkClass.FINAL] == 18
        assert queue.overview.behind_s[WorkClass.FINAL] > QUICK_LADDER.climb_s[Rung.NO_LOOKS]
        scribe.free.set()
        await next_results(queue, 20)
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
        await wait_for_worker(queue)
        put(queue, *(f"u{number}" for number in range(20)))
        await until(lambda: queue.rung is Rung.COALESCE)
        scribe.free.set()
        await next_results(queue, 20)
        await until(lambda: queue.rung is Rung.NONE, 15)
        put(queue, "later")
        await next_results(queue, 1)
    assert scribe.efforts[0] == scribe.efforts[-1] == (Effort.FULL, False)
    assert (Effort.FAST, True) in scribe.efforts


async def test_waiting_interim_utterances_do_not_lower_the_quality_of_finals(stage: Stage) -> None:
    scribe = Scribe()
    scribe.free.clear()
    queue = await stage.server(times=QUICK_OVERLOAD)
    async with stage.worker(scribe, batch=1):
        await wait_for_worker(queue)
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
        await next_results(queue, 11)


@pytest.mark.parametrize("work", [WorkClass.FINAL, WorkClass.HOT_FINAL])
async def test_a_full_redis_drops_the_oldest_of_the_least_urgent(
    stage: Stage, work: WorkClass
) -> None:
    queue = await stage.server(limits=StreamLimits(entries=4))
    put(queue, "partial 1", "partial 2", work=WorkClass.PARTIAL)
    put(queue, "final 1", "final 2")
    await wait_until_in_redis(stage, 4)
    put(queue, "new", work=work)
    assert unheard(await next_results(queue, 1)) == {"partial 1": OVERLOADED}
    await wait_until_in_redis(stage, 4)


async def test_a_new_utterance_waits_while_redis_is_full_of_equally_urgent_ones(
    stage: Stage,
) -> None:
    queue = await stage.server(limits=StreamLimits(entries=2))
    put(queue, "final 1", "final 2")
    await wait_until_in_redis(stage, 2)
    put(queue, "partial", work=WorkClass.PARTIAL)
    put(queue, "final 3")
    await asyncio.sleep(0.2)
    await wait_until_in_redis(stage, 2)
    async with stage.worker(Scribe()):
        assert heard(await next_results(queue, 4))[-1] == "partial"


async def test_the_bytes_of_sound_are_bounded_too(stage: Stage) -> None:
    queue = await stage.server(limits=StreamLimits(bytes=100_000))
    put(queue, "a", "b", "c")  # each of 32,000 bytes
    await wait_until_in_redis(stage, 3)
    put(queue, "d")
    queue.put(an_utterance("long", bytes(200_000)))
    assert set(unheard(await next_results(queue, 1))) == {"long"}
    put(queue, "hot", work=WorkClass.HOT_FINAL)
    assert unheard(await next_results(queue, 1)) == {"a": OVERLOADED}
    put(queue, *"efgh")  # three of them may wait here
    gone = await next_results(queue, 1)
    async with stage.worker(Scribe()):
        gone += await next_results(queue, 7)
    assert {"hot", "b", "c", "h"} <= set(heard(gone))
    assert set(unheard(gone).values()) == {OVERLOADED}
    assert (await stage.streams().read_overview()).bytes == 0


async def test_a_dropped_utterance_of_another_server_is_reported_there(stage: Stage) -> None:
    one = await stage.server(limits=StreamLimits(entries=1))
    other = await stage.server(limits=StreamLimits(entries=1))
    put(one, "a")
    await wait_until_in_redis(stage, 1)
    put(other, "b", work=WorkClass.HOT_FINAL)
    assert unheard(await next_results(one, 1)) == {"a": OVERLOADED}


async def test_an_utterance_at_a_worker_is_not_dropped(stage: Stage) -> None:
    scribe = Scribe()
    scribe.free.clear()
    queue = await stage.server(limits=StreamLimits(entries=2))
    async with stage.worker(scribe, batch=1):
        put(queue, "working")
        await until(lambda: len(scribe.batches) == 1)
        put(queue, "waiting")
        await wait_until_in_redis(stage, 0)
        put(queue, *"abcdef", work=WorkClass.HOT_FINAL)
        await asyncio.sleep(0.2)
        scribe.free.set()
        assert set(heard(await next_results(queue, 8))) == {"working", "waiting", *"abcdef"}
