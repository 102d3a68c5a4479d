"""The in-process work queue: threads own the model, and this file alone crosses to them."""

from __future__ import annotations

import asyncio
import contextlib
import math
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import TypeVar

import structlog

from asr.hearing import (
    NOT_TRANSCRIBED,
    Hearing,
    ModelBroken,
    NoMemory,
    Outcome,
    Refused,
    Transcribe,
    way,
)
from asr.in_order import InOrder
from asr.ladder import Rung
from asr.scheduler import Batch, Scheduler, SchedulerSettings
from asr.speech import Transcript, Unheard, Utterance
from asr.transcriber import Transcriber, WindowedTranscriber
from asr.wire import WireError, check_sound

log = structlog.get_logger()

_T = TypeVar("_T")

_END = None
_STOPPING = "the server is stopping"
_NO_MEMORY = (
    "the model has too little memory for even one utterance: stop what else uses it, or choose a "
    "smaller EARSHOT_ASR_MODEL"
)
_BUDGET_S = 0.2
_TICK_S = 0.1
_HUNG_S = 30.0
"""A large model on a slow CPU is at a window for half as long."""
_ANY = 1 << 30
"""The scheduler says how much is heard at once, until memory runs out."""


class LocalQueue:
    """A bounded `WorkQueue` over a `Transcriber` in this process.

    Each of the model's lanes works on what is most urgent when it becomes free: see
    `asr.scheduler`. What they hear of one speaker comes out in the order in which it was taken. A
    batch that fails is tried again in halves, so that only the bad item fails (`asr.hearing`);
    whatever a model raises, its thread lives on. What has waited until its deadline comes out as
    `Unheard`, whatever the model does.

    Args:
        load: Makes the transcriber; called on the thread of the first lane.
        settings: With more than one lane the transcriber is called from so many threads.
        on_batch: Told size and seconds of each batch, on the event loop.
    """

    def __init__(
        self,
        load: Callable[[], Transcriber],
        *,
        settings: SchedulerSettings,
        on_batch: Callable[[int, float], None] = lambda size, seconds: None,
    ) -> None:
        self._load = load
        self._on_batch = on_batch
        self._lanes = settings.lanes
        self._scheduler = Scheduler(settings, now_s=time.monotonic())
        self._in_order = InOrder()
        self._changed = threading.Condition()
        self._closing = False
        self._drain_until = 0.0
        self._finished: asyncio.Queue[Transcript | Unheard | None] = asyncio.Queue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._threads: list[threading.Thread] = []
        self._deadline_s = settings.deadline_s
        self._watching: asyncio.Task[None] | None = None
        self._hearing: Hearing | None = None
        self._begun: dict[int, tuple[float, Batch]] = {}
        """When each lane that is at work began, and what on, by its thread."""
        self._over = False
        self._trouble = ""

    async def start(self) -> Transcriber:
        """Load the model on its thread; the loaded transcriber, to be asked for its name only.

        Raises:
            Exception: whatever `load` raises.
        """
        self._loop = asyncio.get_running_loop()
        loaded: asyncio.Future[Transcriber] = self._loop.create_future()
        self._begin(self._own_model, loaded)
        transcriber = await loaded
        for _ in range(1, self._lanes):
            self._begin(self._work_on, transcriber)
        self._watching = asyncio.create_task(self._deadlines(), name="asr deadlines")
        return transcriber

    def _begin(self, work: Callable[[_T], None], on: _T) -> None:
        name = f"asr-model-{len(self._threads)}"
        # A model that hangs must not keep the process from its end.
        thread = threading.Thread(target=work, args=(on,), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def put(self, utterance: Utterance) -> None:
        try:
            check_sound(utterance.pcm)
        except WireError as error:
            self._finished.put_nowait(Unheard(utterance, f"it cannot be heard: {error}"))
            return
        with self._changed:
            if self._closing:
                gone = [Unheard(utterance, _STOPPING)]
            else:
                gone = self._scheduler.put(utterance, time.monotonic())
                self._changed.notify()
        for each in gone:
            self._finished.put_nowait(each)

    async def results(self) -> AsyncIterator[Transcript | Unheard]:
        while (result := await self._finished.get()) is not _END:
            yield result

    def waiting(self) -> int:
        return len(self._scheduler)

    @property
    def rung(self) -> Rung:
        """What is being done about overload."""
        with self._changed:
            return self._scheduler.look(time.monotonic())

    def alive(self) -> bool:
        """The model's threads are at work."""
        return bool(self._threads) and all(thread.is_alive() for thread in self._threads)

    def unready(self) -> str | None:
        """Why nothing would be transcribed now, and the remedy; None: it would."""
        if not self.alive():
            return "the recogniser has stopped; restart the server"
        with self._changed:
            first_s = min((begun_s for begun_s, _ in self._begun.values()), default=math.inf)
        slowest_s = time.monotonic() - first_s
        if slowest_s > self._deadline_s:
            return (
                f"the model has been at one batch for {slowest_s:.0f} s; restart the server, and "
                "look after the model's device if that does not help"
            )
        return self._trouble or None

    async def close(self, drain_s: float = 2.0) -> None:
        """Take nothing more, transcribe what waits for so long, end the threads and `results`.

        What is not transcribed by then comes out as `Unheard`; what the model is at, if it does
        not come back within `_HUNG_S`.
        """
        if self._closing:
            return
        with self._changed:
            self._closing = True
            self._drain_until = time.monotonic() + drain_s
            self._changed.notify_all()
        until = self._drain_until + _HUNG_S
        while self._threads:
            left_s = min(max(0.0, until - time.monotonic()), threading.TIMEOUT_MAX)
            await asyncio.to_thread(self._threads.pop().join, left_s)
        with self._changed:
            self._over = True
            hung = [one for _, batch in self._begun.values() for one in batch.utterances]
        if hung:
            log.error("asr.model_hung", utterances=len(hung))
        # What other lanes heard of the same speakers has waited for these.
        for result in self._in_order.done([(one, Unheard(one, _STOPPING)) for one in hung]):
            self._finished.put_nowait(result)
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])
        for utterance in self._scheduler.drain():
            self._finished.put_nowait(Unheard(utterance, _STOPPING))
        self._finished.put_nowait(_END)

    def _own_model(self, loaded: asyncio.Future[Transcriber]) -> None:
        assert self._loop is not None
        try:
            transcriber = self._load()
        except Exception as error:  # noqa: BLE001 - handed to whoever awaits start()
            self._loop.call_soon_threadsafe(_tell, loaded.set_exception, error)
            return
        if isinstance(transcriber, WindowedTranscriber):
            with self._changed:
                self._scheduler.window_of = transcriber.window_of
        self._hearing = Hearing(transcriber, _ANY)
        self._loop.call_soon_threadsafe(_tell, loaded.set_result, transcriber)
        self._work_on(transcriber)

    def _work_on(self, transcriber: Transcriber) -> None:
        while (batch := self._take()) is not None:
            self._work(transcriber, batch)

    def _take(self) -> Batch | None:
        """The next batch, None once the queue is closed."""
        with self._changed:
            while True:
                now_s = time.monotonic()
                if self._closing and (not len(self._scheduler) or now_s >= self._drain_until):
                    return None
                batch, late = self._scheduler.take(now_s)
                self._give(late)
                if batch is not None:
                    self._in_order.take(batch.utterances)
                    return batch
                # Looks whose budget is spent wait for it to grow.
                self._changed.wait(_BUDGET_S if len(self._scheduler) else None)

    def _work(self, transcriber: Transcriber, batch: Batch) -> None:
        assert self._loop is not None
        lane, started_s = threading.get_ident(), time.monotonic()
        with self._changed:
            self._begun[lane] = started_s, batch
        shared = any(len(window) > 1 for window in batch.windows)
        how = way(transcriber, greedy=batch.greedy, coalesce=shared)
        results = self._hear(batch.utterances, how)
        seconds = time.monotonic() - started_s
        with self._changed:
            del self._begun[lane]
            if self._over:
                return
            self._scheduler.done(batch, time.monotonic())
            self._loop.call_soon_threadsafe(self._on_batch, len(results), seconds)
            found = zip(batch.utterances, results, strict=True)
            self._give(self._in_order.done(found))  # with no other lane between the two

    def _hear(self, batch: Sequence[Utterance], how: Transcribe) -> list[Transcript | Unheard]:
        assert self._hearing is not None
        try:
            outcomes = self._hearing.hear(batch, how)
        except ModelBroken as error:
            log.error("asr.model_broken", reason=str(error))
            self._trouble = str(error)
            return [Unheard(one, NOT_TRANSCRIBED) for one in batch]
        if any(isinstance(outcome, NoMemory) for outcome in outcomes):
            self._trouble = _NO_MEMORY
        elif any(isinstance(outcome, Transcript) for outcome in outcomes):
            self._trouble = ""
        return [_result(*pair) for pair in zip(batch, outcomes, strict=True)]

    async def _deadlines(self) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            with self._changed:
                self._give(self._scheduler.late(time.monotonic()))

    def _give(self, results: Iterable[Transcript | Unheard]) -> None:
        assert self._loop is not None
        for result in results:
            self._loop.call_soon_threadsafe(self._finished.put_nowait, result)


def _tell(tell: Callable[[_T], None], what: _T) -> None:
    """To a future that nobody may be waiting for any more."""
    with contextlib.suppress(asyncio.InvalidStateError):
        tell(what)


def _result(utterance: Utterance, outcome: Outcome) -> Transcript | Unheard:
    match outcome:
        case Transcript():
            return outcome
        case NoMemory():
            return Unheard(utterance, "the model has too little memory for it")
        case Refused():
            return Unheard(utterance, NOT_TRANSCRIBED)
