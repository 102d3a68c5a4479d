"""A worker: takes utterances from Redis Streams, transcribes them, tells what came of them."""

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

from asr.hearing import NOT_TRANSCRIBED, Hearing, NoMemory, Outcome, Refused, way
from asr.ladder import Rung
from asr.redis_streams import Handed, Streams, StreamsAway, StreamsRefused, WorkerSeen
from asr.speech import Transcript, Utterance, WorkClass
from asr.transcriber import Transcriber
from asr.wire import Lost, WireError, decode, encode

log = structlog.get_logger()

_BATCHES_KEPT = 256
_BUSY_LOOK_S = 0.05
"""While the model works, idle workers come first: they wait on the bell, we only look."""
_WAITS_S = (0.1, 0.3, 1.0, 2.0)
_URGENCY = {work: rank for rank, work in enumerate(WorkClass)}

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class WorkerTimes:
    """
    Attributes:
        claim_every_s: How often dead workers' entries are looked for.
        least_idle_s: An entry that was handed out so long ago may be claimed, or
            `idle_batches` times as long as this worker's slowest batches, if that is more.
        beat_s: How often it says that it lives; it counts as dead after five beats.
        most_deliveries: An entry that was handed out so often is given up.
        farewell_s: How long results are held out to a Redis that is away, when stopping.
    """

    claim_every_s: float = 2.0
    least_idle_s: float = 10.0
    idle_batches: float = 5.0
    beat_s: float = 2.0
    most_deliveries: int = 3
    farewell_s: float = 5.0


@dataclass(frozen=True, slots=True)
class _Item:
    entry: Handed
    utterance: Utterance


class Worker:
    """One model at work until `stop`. At most one batch runs and one is prepared.

    The prepared batch is filled up while the model works, the most urgent first. What was claimed
    from a dead worker is worked on alone: if it was what killed the other, it takes nothing along.

    Args:
        load: Makes the transcriber; called on the model's thread.
        batch: Utterances given to the model at once.
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
        self.name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="asr-model")
        self._stopping = asyncio.Event()
        self._stopped_at = 0.0
        self._prepared: list[_Item] = []
        self._running: Sequence[_Item] = ()
        self._stir = asyncio.Event()
        self._free = asyncio.Event()
        self._seconds: deque[float] = deque(maxlen=_BATCHES_KEPT)
        self._transcriber: Transcriber | None = None
        self._hearing: Hearing | None = None
        self._device = ""

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    def stop(self) -> None:
        """The running batch is finished and told, what is prepared given back."""
        self._stopped_at = asyncio.get_running_loop().time()
        self._stopping.set()
        self._stir.set()

    async def run(self) -> None:
        """Work until `stop`.

        Raises:
            ModelBroken: the model fails on everything; what it had is given back.
            StreamsRefused: Redis does not let us in.
            Exception: whatever `load` raises.
        """
        try:
            self._transcriber = transcriber = await self._on_thread(self._load)
            self._device = transcriber.describe()
            self._hearing = Hearing(transcriber, self._batch)
            await self._let_in()
            if not self._stopping.is_set():
                log.info("worker.ready", model=self._model, on=self._device, batch=self._batch)
                await self._work()
        finally:
            self._thread.shutdown(wait=True)

    async def _work(self) -> None:
        beside = [
            asyncio.create_task(self._beating(), name="worker: beat"),
            asyncio.create_task(self._taking(), name="worker: take"),
        ]
        try:
            await self._transcribing()
        finally:
            for task in beside:
                task.cancel()
            await asyncio.wait(beside)
            await self._go()

    async def _let_in(self) -> None:
        """Until Redis answers, or we are told to stop."""
        waits = iter(_WAITS_S)
        while not self._stopping.is_set():
            try:
                return await self._streams.check()
            except StreamsRefused:
                raise
            except StreamsAway as error:
                log.warning("worker.redis_away", reason=str(error))
            await self._pause(next(waits, _WAITS_S[-1]))

    async def _go(self) -> None:
        """Give back whatever is ours, known or on its way, and leave the list of workers."""
        try:
            async with asyncio.timeout(self._times.farewell_s):
                given_back = await self._streams.leave(self.name)
        except (StreamsAway, TimeoutError) as error:  # others claim it after a while
            log.warning("worker.left_without_redis", reason=str(error))
        else:
            log.info("worker.left", given_back=given_back)

    # Taking

    async def _taking(self) -> None:
        while not self._stopping.is_set():
            await self._kept_up("take", self._fill)

    async def _fill(self) -> None:
        assert self._hearing is not None
        free = self._hearing.most - len(self._prepared)
        if free <= 0:
            self._free.clear()
            await self._free.wait()
            return
        entries = await self._streams.take(self.name, free)
        for entry in entries:
            if (item := await self._opened(entry)) is not None:
                self._prepared.append(item)
        if entries:
            self._prepared.sort(key=lambda item: _URGENCY[item.utterance.work])
            self._stir.set()
        elif self._running:
            self._free.clear()
            await _within(_BUSY_LOOK_S, self._free)
        else:
            await self._streams.wait()

    async def _opened(self, entry: Handed) -> _Item | None:
        """None: no utterance, and told so."""
        try:
            match decode(entry.body):
                case Utterance() as utterance:
                    return _Item(entry, utterance)
                case _:
                    reason = "it came as something else than an utterance"
        except WireError as error:
            reason = f"it came unreadable: {error}"
        log.error("worker.entry_malformed", utterance=entry.utterance, reason=reason)
        await self._tell(entry, encode(Lost(reason)), reason)
        return None

    async def _claim(self) -> _Item | None:
        in_hand = [item.entry.id for item in self._prepared]
        claimed, given_up = await self._streams.claim(
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
        return await self._opened(claimed)

    def _idle_ms(self) -> int:
        slowest = sorted(self._seconds)[-max(1, len(self._seconds) // 100) :]
        batches_s = self._times.idle_batches * (slowest[0] if slowest else 0.0)
        return int(max(self._times.least_idle_s, batches_s) * 1000)

    # Transcribing

    async def _transcribing(self) -> None:
        loop = asyncio.get_running_loop()
        claim_at = loop.time() + self._times.claim_every_s * random.random()
        while not self._stopping.is_set():
            self._stir.clear()
            if loop.time() >= claim_at:
                claimed = await self._kept_up("claim", self._claim)
                if claimed is not None:
                    await self._batch_of([claimed])
                    continue
                claim_at = loop.time() + self._times.claim_every_s
            if self._prepared and not self._stopping.is_set():
                batch, self._prepared = self._prepared, []
                await self._batch_of(batch)
            else:
                await _within(max(0.0, claim_at - loop.time()), self._stir)

    async def _batch_of(self, batch: Sequence[_Item]) -> None:
        assert self._hearing is not None
        assert self._transcriber is not None
        hearing, loop = self._hearing, asyncio.get_running_loop()
        rung = max(item.entry.rung for item in batch)
        how = way(self._transcriber, greedy=rung >= Rung.GREEDY, coalesce=rung >= Rung.COALESCE)
        self._running = batch
        self._free.set()
        started = loop.time()
        said = [item.utterance for item in batch]
        outcomes = await self._on_thread(lambda: hearing.hear(said, how))
        self._seconds.append(loop.time() - started)
        left = [
            item
            for item, outcome in zip(batch, outcomes, strict=True)
            if not await self._told(item, outcome)
        ]
        await self._kept_up(
            "give back",
            lambda: self._streams.give_back(self.name, [item.entry for item in left]),
        )
        self._running = ()
        self._free.set()

    async def _told(self, item: _Item, outcome: Outcome) -> bool:
        """False: it is to be given back."""
        match outcome:
            case Transcript():
                try:
                    message = encode(outcome)
                except WireError as error:
                    reason = f"its transcript cannot be sent: {error}"
                    log.error("worker.transcript_malformed", utterance=item.utterance.id)
                    await self._tell(item.entry, encode(Lost(reason)), reason)
                else:
                    await self._tell(item.entry, message)
            case Refused():
                log.error("worker.dead_letter", utterance=item.utterance.id)
                await self._tell(item.entry, encode(Lost(NOT_TRANSCRIBED)), NOT_TRANSCRIBED)
            case NoMemory():
                return False
        return True

    async def _tell(self, entry: Handed, message: bytes, dead_letter: str = "") -> None:
        """Tried until it is told, or until nobody waits for it any more."""
        loop = asyncio.get_running_loop()
        until = loop.time() + entry.left_ms / 1000
        waits = iter(_WAITS_S)
        while True:
            try:
                if not await self._streams.complete(entry, message, dead_letter):
                    log.info("worker.told_by_another", utterance=entry.utterance)
                return
            except StreamsAway as error:
                wait_s = next(waits, _WAITS_S[-1])
                stopped = self._stopping.is_set()
                if stopped:
                    until = min(until, self._stopped_at + self._times.farewell_s)
                if loop.time() + wait_s > until:
                    log.error("worker.could_not_tell", utterance=entry.utterance)
                    return
                log.warning("worker.redis_away", reason=str(error))
            await asyncio.sleep(wait_s)

    # Beside it

    async def _beating(self) -> NoReturn:
        while True:
            await self._kept_up("beat", self._beat)
            await asyncio.sleep(self._times.beat_s)

    async def _beat(self) -> None:
        assert self._hearing is not None
        seen = WorkerSeen(self._model, self._device, self._hearing.most, bool(self._running))
        await self._streams.beat(self.name, seen, int(self._times.beat_s * 5000))

    async def _kept_up(self, what: str, do: Callable[[], Awaitable[_T]]) -> _T | None:
        """What Redis or a bug breaks costs a moment: None then."""
        try:
            return await do()
        except StreamsAway as error:
            log.warning("worker.redis_away", at=what, reason=str(error))
        except Exception:
            log.exception("worker.failed", at=what)
        await self._pause(random.uniform(0.3, 1.0))
        return None

    async def _pause(self, wait_s: float) -> None:
        await _within(wait_s, self._stopping)

    async def _on_thread(self, do: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, do)


async def _within(wait_s: float, event: asyncio.Event) -> None:
    """Until the event, so long at most."""
    try:
        async with asyncio.timeout(wait_s):
            await event.wait()
    except TimeoutError:
        pass
