"""A worker: fetches utterances from Redis Streams, transcribes them, writes the results."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NoReturn, TypeVar

import structlog

from asr.batch_runner import BatchRunner, choose_decoding
from asr.overload_ladder import Rung
from asr.redis_streams import Streams, StreamsAway, StreamsRefused
from asr.result_writer import RETRY_S, ResultWriter
from asr.speech import Utterance, WorkClass
from asr.stream_records import StreamEntry, WorkerStatus
from asr.transcriber import Transcriber
from asr.wire import WireError, decode

log = structlog.get_logger()

_BATCHES_REMEMBERED = 256
_BUSY_POLL_S = 0.05
"""Time between two fetches while the model works. Idle workers wait on the bell and come first."""
_URGENCY = {work: rank for rank, work in enumerate(WorkClass)}

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class WorkerTimes:
    """Times of a worker, in seconds.

    Attributes:
        claim_every_s: Time between two searches for entries of dead workers.
        least_idle_s: Shortest age of a lease before the entry may be claimed.
        idle_batches: Age of a lease before the entry may be claimed, in times of this worker's
            slowest batches, if that is more.
        beat_s: Time between two heartbeats. A worker counts as dead after five without one.
        most_deliveries: Deliveries after which an entry is given up.
        farewell_s: Longest wait for Redis when the worker stops.
    """

    claim_every_s: float = 2.0
    least_idle_s: float = 10.0
    idle_batches: float = 5.0
    beat_s: float = 2.0
    most_deliveries: int = 3
    farewell_s: float = 5.0


@dataclass(frozen=True, slots=True)
class _Item:
    """An entry with its decoded utterance."""

    entry: StreamEntry
    utterance: Utterance


class Worker:
    """One model that transcribes until `stop`. At most one batch runs and one is prepared.

    While the model works, the prepared batch is filled with the most urgent entries. An entry
    claimed from a dead worker is transcribed alone: if it killed that worker, it harms no other.

    Args:
        load: Makes the transcriber. It is called on the model's thread.
        batch: Most utterances in a batch.
    """

    def __init__(
        self,
        streams: Streams,
        load: Callable[[], Transcriber],
        *,
        model: str,
        batch: int,
        times: WorkerTimes | None = None,
    ) -> None:
        self._streams = streams
        self._load = load
        self._model = model
        self._batch = batch
        self._times = times or WorkerTimes()
        self._writer = ResultWriter(streams, farewell_s=self._times.farewell_s)
        self.name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="asr-model")
        self._stopping = asyncio.Event()
        self._prepared: list[_Item] = []
        self._running: Sequence[_Item] = ()
        self._work_ready = asyncio.Event()
        self._batch_free = asyncio.Event()
        self._batch_seconds: deque[float] = deque(maxlen=_BATCHES_REMEMBERED)
        self._transcriber: Transcriber | None = None
        self._runner: BatchRunner | None = None
        self._device = ""

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    def stop(self) -> None:
        """Finish the running batch and write its results; give the prepared one back."""
        self._writer.stop()
        self._stopping.set()
        self._work_ready.set()

    async def run(self) -> None:
        """Work until `stop`.

        Raises:
            ModelBroken: The model fails on everything. All entries are given back.
            StreamsRefused: Redis refuses access.
            Exception: Any exception of `load`.
        """
        try:
            self._transcriber = transcriber = await self._on_thread(self._load)
            self._device = transcriber.describe()
            self._runner = BatchRunner(transcriber, self._batch)
            await self._wait_for_redis()
            if not self._stopping.is_set():
                log.info("worker.ready", model=self._model, on=self._device, batch=self._batch)
                await self._work()
        finally:
            self._thread.shutdown(wait=True)

    async def _work(self) -> None:
        beside = [
            asyncio.create_task(self._run_heartbeat(), name="worker: beat"),
            asyncio.create_task(self._run_fetching(), name="worker: fetch"),
        ]
        try:
            await self._run_transcription()
        finally:
            for task in beside:
                task.cancel()
            await asyncio.wait(beside)
            await self._leave()

    async def _wait_for_redis(self) -> None:
        """Return once Redis answers, or `stop` is called."""
        waits = iter(RETRY_S)
        while not self._stopping.is_set():
            try:
                return await self._streams.check()
            except StreamsRefused:
                raise
            except StreamsAway as error:
                log.warning("worker.redis_away", reason=str(error))
            await self._pause(next(waits, RETRY_S[-1]))

    async def _leave(self) -> None:
        """Give back all entries, also those on their way here, and leave the list of workers."""
        try:
            async with asyncio.timeout(self._times.farewell_s):
                given_back = await self._streams.remove_worker(self.name)
        except (StreamsAway, TimeoutError) as error:  # others claim it after a while
            log.warning("worker.left_without_redis", reason=str(error))
        else:
            log.info("worker.left", given_back=given_back)

    # Fetching

    async def _run_fetching(self) -> None:
        while not self._stopping.is_set():
            await self._attempt("take", self._fill)

    async def _fill(self) -> None:
        assert self._runner is not None
        free = self._runner.most - len(self._prepared)
        if free <= 0:
            self._batch_free.clear()
            await self._batch_free.wait()
            return
        entries = await self._streams.fetch_entries(self.name, free)
        for entry in entries:
            if (item := await self._decode_entry(entry)) is not None:
                self._prepared.append(item)
        if entries:
            self._prepared.sort(key=lambda item: _URGENCY[item.utterance.work])
            self._work_ready.set()
        elif self._running:
            self._batch_free.clear()
            await _wait_for(_BUSY_POLL_S, self._batch_free)
        else:
            await self._streams.wait_for_entries()

    async def _decode_entry(self, entry: StreamEntry) -> _Item | None:
        """Return the entry with its utterance; None: it had none and is a dead letter."""
        try:
            match decode(entry.body):
                case Utterance() as utterance:
                    return _Item(entry, utterance)
                case _:
                    reason = "it came as something else than an utterance"
        except WireError as error:
            reason = f"it came unreadable: {error}"
        log.error("worker.entry_malformed", utterance=entry.utterance, reason=reason)
        await self._writer.write_lost(entry, reason)
        return None

    async def _claim(self) -> _Item | None:
        in_hand = [item.entry.id for item in self._prepared]
        claimed, given_up = await self._streams.claim_entry(
            self.name,
            idle_ms=self._idle_ms(),
            most_deliveries=self._times.most_deliveries,
            in_hand=in_hand,
        )
        for utterance in given_up:
            log.error("worker.dead_letter", utterance=utterance)
        if claimed is None:
            return None
        log.warning("worker.claimed", utterance=claimed.utterance, deliveries=claimed.deliveries)
        return await self._decode_entry(claimed)

    def _idle_ms(self) -> int:
        slowest = sorted(self._batch_seconds)[-max(1, len(self._batch_seconds) // 100) :]
        batches_s = self._times.idle_batches * (slowest[0] if slowest else 0.0)
        return int(max(self._times.least_idle_s, batches_s) * 1000)

    # Transcribing

    async def _run_transcription(self) -> None:
        loop = asyncio.get_running_loop()
        claim_at = loop.time() + self._times.claim_every_s * random.random()
        while not self._stopping.is_set():
            self._work_ready.clear()
            if loop.time() >= claim_at:
                claimed = await self._attempt("claim", self._claim)
                if claimed is not None:
                    await self._run_batch([claimed])
                    continue
                claim_at = loop.time() + self._times.claim_every_s
            if self._prepared and not self._stopping.is_set():
                batch, self._prepared = self._prepared, []
                await self._run_batch(batch)
            else:
                await _wait_for(max(0.0, claim_at - loop.time()), self._work_ready)

    async def _run_batch(self, batch: Sequence[_Item]) -> None:
        assert self._runner is not None
        assert self._transcriber is not None
        runner, loop = self._runner, asyncio.get_running_loop()
        rung = max(item.entry.rung for item in batch)
        transcribe = choose_decoding(
            self._transcriber, greedy=rung >= Rung.GREEDY, coalesce=rung >= Rung.COALESCE
        )
        self._running = batch
        self._batch_free.set()
        started = loop.time()
        utterances = [item.utterance for item in batch]
        outcomes = await self._on_thread(lambda: runner.run_batch(utterances, transcribe))
        self._batch_seconds.append(loop.time() - started)
        left = [
            item
            for item, outcome in zip(batch, outcomes, strict=True)
            if not await self._writer.write_outcome(item.entry, outcome)
        ]
        await self._attempt(
            "give back",
            lambda: self._streams.give_back_entries(self.name, [item.entry for item in left]),
        )
        self._running = ()
        self._batch_free.set()

    # Beside the transcription

    async def _run_heartbeat(self) -> NoReturn:
        while True:
            await self._attempt("beat", self._send_heartbeat)
            await asyncio.sleep(self._times.beat_s)

    async def _send_heartbeat(self) -> None:
        assert self._runner is not None
        status = WorkerStatus(self._model, self._device, self._runner.most, bool(self._running))
        await self._streams.send_heartbeat(self.name, status, int(self._times.beat_s * 5000))

    async def _attempt(self, what: str, do: Callable[[], Awaitable[_T]]) -> _T | None:
        """Return the result of `do`; after a failure of Redis or a bug, pause and return None."""
        try:
            return await do()
        except StreamsAway as error:
            log.warning("worker.redis_away", at=what, reason=str(error))
        except Exception:
            log.exception("worker.failed", at=what)
        await self._pause(random.uniform(0.3, 1.0))
        return None

    async def _pause(self, wait_s: float) -> None:
        await _wait_for(wait_s, self._stopping)

    async def _on_thread(self, do: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, do)


async def _wait_for(wait_s: float, event: asyncio.Event) -> None:
    """Wait for the event, `wait_s` at most."""
    try:
        async with asyncio.timeout(wait_s):
            await event.wait()
    except TimeoutError:
        pass
