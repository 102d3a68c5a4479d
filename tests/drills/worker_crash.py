"""Worker drill: workers and Redis crash while utterances are transcribed."""

from __future__ import annotations

import asyncio
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from signal import SIGKILL
from types import TracebackType
from typing import Self

from asr.reasons import OVERLOADED
from asr.redis_queue import RedisQueue
from asr.redis_streams import Streams
from asr.speech import Transcript, Unheard, Utterance, WorkClass
from tests.asr.examples import an_utterance
from tests.asr.scribe import named, unheard
from tests.processes import Helper
from tests.redis import RedisServer
from tests.server import clean_environment

UTTERANCES = 80
_TALK_S = 5.0
_QUICK_S, _SLOW_S = 0.03, 1.4
"""Time that the slow worker takes for an utterance: others may claim its batches meanwhile."""
_DEADLINE_S = 60.0
_POISON = ("refused", "broken", "short")


class WorkerProcess:
    """Worker that is restarted when it dies, as under a service manager.

    Only SIGKILL may end it: one utterance of the drill sends that signal.
    """

    def __init__(self, model: str, url: str, log: Path, *, pace_s: float, batch: int) -> None:
        self._command = [
            *(sys.executable, "-m", "tests.drills.scribe_worker"),
            *(model, url, str(pace_s), str(batch)),
        ]
        self._log = log
        self.process: Helper | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    def start(self) -> None:
        self.process = Helper(
            "the worker", self._command, self._log, ends=(-SIGKILL,), env=clean_environment()
        )

    def kill(self) -> None:
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.wait(10)

    def stop(self) -> int:
        """Stop it as an operator would. Returns: its exit code."""
        process, self.process = self.process, None
        assert process is not None
        process.terminate()
        return process.wait(15)

    async def keep_alive(self) -> None:
        while True:
            if self.process is not None and self.process.poll() is not None:
                self.start()
            await asyncio.sleep(0.05)


@dataclass(frozen=True, slots=True)
class Aftermath:
    """State after the drill.

    Attributes:
        put: Utterances put into the queue.
        sent: Number of results that the workers sent to the server's stream.
    """

    put: Sequence[Utterance]
    results: Sequence[Transcript | Unheard]
    sent: int

    def faults(self) -> list[str]:
        """Return a sentence for each broken promise."""
        came = Counter(named(self.results))
        faults = [f"{id_} came {came[id_]} times" for id_ in self._ids() if came[id_] != 1]
        reasons = unheard(self.results)
        left_out = self._left_out(reasons)
        for id_ in self._ids():
            if id_ in left_out:
                continue
            bad = any(word in id_ for word in (*_POISON, "killer"))
            if bad != (id_ in reasons):
                faults.append(f"{id_}: {reasons.get(id_, 'was transcribed')}")
        faults += [
            f"{result.utterance_id} has the words of another"
            for result in self.results
            if isinstance(result, Transcript) and result.text != f"words of {result.utterance_id}"
        ]
        if self.sent + len(left_out) != len(self.put):
            due = len(self.put) - len(left_out)
            faults.append(f"workers sent {self.sent} results for {due} utterances")
        return faults

    def _left_out(self, reasons: Mapping[str, str]) -> set[str]:
        """Return the interim utterances dropped under load; their finals are transcribed."""
        interim = [one.id for one in self.put if one.work is WorkClass.PARTIAL]
        return {id_ for id_ in interim if reasons.get(id_) == OVERLOADED}

    def _ids(self) -> list[str]:
        return [utterance.id for utterance in self.put]


async def crash_workers(folder: Path, seed: int) -> Aftermath:
    """Put utterances for some seconds, and kill workers and Redis meanwhile.

    There are three workers, one of them slow. Some utterances fail their batch, and one kills its
    worker at each attempt.
    """
    chance = random.Random(seed)
    model = f"scribe-{seed}"
    with RedisServer() as redis:
        queue = RedisQueue(Streams(redis.url, model), model, capacity=500, deadline_s=_DEADLINE_S)
        await queue.start()
        workers = [
            WorkerProcess(model, redis.url, folder / "workers.log", pace_s=pace_s, batch=batch)
            for pace_s, batch in ((_QUICK_S, 4), (_QUICK_S, 8), (_SLOW_S, 4))
        ]
        async with _alive(workers), asyncio.TaskGroup() as tasks:
            collecting = tasks.create_task(_collect(queue, UTTERANCES))
            while queue.unready():  # noqa: ASYNC110 - Redis knows it
                await asyncio.sleep(0.05)
            put: list[Utterance] = []
            tasks.create_task(_talk(queue, chance, put))
            for _ in range(2):
                tasks.create_task(_kill_worker(chance.uniform(0.3, _TALK_S), chance, workers))
            tasks.create_task(_kill_redis(chance.uniform(0.3, _TALK_S), chance, redis))
        results = collecting.result()
        # Time for repeated results to arrive.
        await asyncio.sleep(0.5)
        sent = _results_sent(redis, model)
        await queue.close(drain_s=0)
        results += [result async for result in queue.results()]
        return Aftermath(put, results, sent)


@asynccontextmanager
async def _alive(workers: Sequence[WorkerProcess]) -> AsyncIterator[None]:
    """Run the workers; end them on leaving, also after an error."""
    watches: list[asyncio.Task[None]] = []
    try:
        for worker in workers:
            worker.start()
            watches.append(asyncio.create_task(worker.keep_alive()))
        yield
    finally:
        for watch in watches:
            watch.cancel()
        if watches:
            await asyncio.wait(watches)
        for worker in workers:
            worker.kill()


async def _talk(queue: RedisQueue, chance: random.Random, put: list[Utterance]) -> None:
    bad = dict(zip(chance.sample(range(UTTERANCES), 4), (*_POISON, "killer"), strict=True))
    for number in range(UTTERANCES):
        id_ = f"{bad.get(number, 'fine')} {number}"
        pcm = bytes(2 * chance.randrange(1_600, 64_000))
        work = chance.choice(list(WorkClass))
        put.append(replace(an_utterance(id_, pcm), work=work))
        queue.put(put[-1])
        await asyncio.sleep(chance.expovariate(UTTERANCES / _TALK_S))


async def _collect(queue: RedisQueue, count: int) -> list[Transcript | Unheard]:
    results: list[Transcript | Unheard] = []
    with suppress(TimeoutError):
        async with asyncio.timeout(_DEADLINE_S + 20):
            async for result in queue.results():
                results.append(result)
                if len(results) == count:
                    break
    return results


async def _kill_worker(
    at_s: float, chance: random.Random, workers: Sequence[WorkerProcess]
) -> None:
    """Kill a worker with SIGKILL; `keep_alive` restarts it."""
    await asyncio.sleep(at_s)
    process = chance.choice(workers).process
    if process is not None:
        process.kill()


def _results_sent(redis: RedisServer, model: str) -> int:
    """Return the number of results in Redis. The server would hide repeats: it drops them."""
    (stream,) = redis.command("KEYS", f"earshot:*:{model}:results:*").split()
    lines = redis.command("XINFO", "STREAM", stream).splitlines()
    return int(lines[lines.index("entries-added") + 1])


async def _kill_redis(at_s: float, chance: random.Random, redis: RedisServer) -> None:
    await asyncio.sleep(at_s)
    await asyncio.to_thread(redis.stop, SIGKILL)
    await asyncio.sleep(chance.uniform(0.0, 1.5))
    await asyncio.to_thread(redis.start)
