"""Crashes of workers and Redis: no utterance is lost without a gap, or transcribed twice."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from asr.loading import load_whisper
from asr.redis_queue import RedisQueue
from asr.redis_streams import Streams
from asr.settings import AsrSettings
from asr.speech import Transcript, Utterance
from service.listening.sound_file import read_sound
from tests.asr.examples import an_utterance
from tests.drills.worker_crash import WorkerProcess, crash_workers
from tests.redis import RedisServer
from tests.simulation.examples import CLIPS

pytestmark = [pytest.mark.anyio, pytest.mark.redis, pytest.mark.timeout(180)]


@pytest.mark.parametrize("seed", range(3))
async def test_workers_and_redis_killed_during_work_lose_and_repeat_nothing(
    tmp_path: Path, seed: int
) -> None:
    assert (await crash_workers(tmp_path, seed)).faults() == []


@pytest.mark.drill
@pytest.mark.parametrize("seed", range(100, 150))
async def test_fifty_times_workers_and_redis_killed_lose_and_repeat_nothing(
    tmp_path: Path, seed: int
) -> None:
    assert (await crash_workers(tmp_path, seed)).faults() == []


async def test_a_worker_killed_while_the_model_works_costs_no_word(
    tmp_path: Path, redis: RedisServer
) -> None:
    """The next worker transcribes the batch of the dead one; demo model, real speech."""
    speech = _speech()
    expected = {each.utterance_id: each.text for each in load_whisper(_ON_CPU).transcribe(speech)}
    queue = RedisQueue(Streams(redis.url, "micro"), "micro", capacity=200, deadline_s=60)
    await queue.start()
    with WorkerProcess("micro", redis.url, tmp_path / "log", pace_s=0, batch=4) as worker:
        async with asyncio.timeout(60):
            while queue.unready():  # noqa: ASYNC110 - Redis knows it
                await asyncio.sleep(0.05)
            for utterance in speech:
                queue.put(utterance)
            while not _busy(queue):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        worker.kill()
        worker.start()
        found: dict[str, str] = {}
        async with asyncio.timeout(60):
            async for result in queue.results():
                assert isinstance(result, Transcript)
                assert result.utterance_id not in found
                found[result.utterance_id] = result.text
                if len(found) == len(speech):
                    break
        assert worker.stop() == 0
    assert found == expected
    await queue.close()
    assert [result async for result in queue.results()] == []


def _busy(queue: RedisQueue) -> bool:
    return queue.overview is not None and any(one.busy for one in queue.overview.workers)


_TURNS = 15
_ON_CPU = AsrSettings(device="cpu", threads=1)


def _speech() -> Sequence[Utterance]:
    """Return speech for a few seconds of work, so that the worker is seen busy."""
    clips = sorted(CLIPS.glob("*.opus"))[:8]
    assert len(clips) == 8
    sounds = {clip.stem: b"".join(read_sound(clip)) for clip in clips}
    return [
        replace(an_utterance(f"{name} {turn}"), pcm=pcm)
        for turn in range(_TURNS)
        for name, pcm in sounds.items()
    ]
