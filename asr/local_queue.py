"""The in-process work queue. Threads own the model; only this file crosses to them."""

from __future__ import annotations

import asyncio
import contextlib
import math
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import TypeVar

import structlog

from asr.awake_clock import AwakeClock
from asr.batch_runner import (
    BatchRunner,
    ModelBroken,
    NoMemory,
    Outcome,
    Refused,
    Transcribe,
    choose_decoding,
)
from asr.overload_ladder import Rung
from asr.reasons import NO_MEMORY, NOT_TRANSCRIBED, STOPPING
from asr.result_order import ResultOrder
from asr.scheduler import Batch, Scheduler, SchedulerSettings
from asr.speech import Transcript, Unheard, Utterance
from asr.transcriber import Transcriber, WindowedTranscriber
from asr.wire import WireError, check_sound

log = structlog.get_logger()

_T = TypeVar("_T")

_END = None
_MEMORY_REMEDY = (
    "the model has too little memory for even one utterance: stop what else uses it, or choose a "
    "smaller EARSHOT_ASR_MODEL"
)
_BUDGET_S = 0.2
"""Time between two checks of the interim budget, in seconds, while only that delays work."""
_TICK_S = 0.1
_HUNG_S = 30.0
"""Time after which a batch counts as hung. A large model on a slow CPU takes half of it."""
_UNLIMITED = 1 << 30
"""Batch limit until memory runs out: the scheduler bounds the batch."""


class LocalQueue:
    """A bounded `WorkQueue` over a `Transcriber` in this process.

    Each lane that becomes free gets the most urgent batch (`asr.scheduler`). A speaker's results
    come out in the order in which their batches began. A batch that fails is tried again in halves,
    so that one bad utterance fails alone (`asr.batch_runner`); a lane's thread survives every
    exception of the model. An utterance that waits until its deadline comes out as `Unheard`, even
    while the model hangs.

    Args:
        load: Makes the transcriber. It is called on the thread of the first lane.
        settings: Settings of the scheduler. Each lane calls the transcriber from its own thread.
        on_batch: Called with the size and seconds of each batch, on the event loop.
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
        self._now_s = AwakeClock()
        self._scheduler = Scheduler(settings, now_s=self._now_s())
        self._order = ResultOrder()
        self._changed = threading.Condition()
        self._closing = False
        self._drain_until = 0.0
        self._finished: asyncio.Queue[Transcript | Unheard | None] = asyncio.Queue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._threads: list[threading.Thread] = []
        self._deadline_s = settings.deadline_s
        self._deadlines_task: asyncio.Task[None] | None = None
        self._runner: BatchRunner | None = None
        self._running: dict[int, tuple[float, Batch]] = {}
        """Start and content of each running batch, by the id of its lane's thread."""
        self._over = False
        self._failure = ""

    async def start(self) -> Transcriber:
        """Load the model on its thread and return it. Callers may only ask for its description.

        Raises:
            Exception: Any exception of `load`.
        """
        self._loop = asyncio.get_running_loop()
        loaded: asyncio.Future[Transcriber] = self._loop.create_future()
        self._start_thread(self._load_and_run, loaded)
        transcriber = await loaded
        for _ in range(1, self._lanes):
            self._start_thread(self._run_lane, transcriber)
        self._deadlines_task = asyncio.create_task(self._enforce_deadlines(), name="asr deadlines")
        return transcriber

    def _start_thread(self, work: Callable[[_T], None], on: _T) -> None:
        name = f"asr-model-{len(self._threads)}"
        # A daemon, so that a model that hangs does not keep the process alive.
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
                gone = [Unheard(utterance, STOPPING)]
            else:
                gone = self._scheduler.put(utterance, self._now_s())
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
        """Current step of the overload ladder."""
        with self._changed:
            return self._scheduler.update_rung(self._now_s())

    def alive(self) -> bool:
        """Whether the threads of all lanes run."""
        return bool(self._threads) and all(thread.is_alive() for thread in self._threads)

    def unready(self) -> str | None:
        """Return the reason for which nothing is transcribed now, and the remedy; None: ready."""
        if not self.alive():
            return "the recogniser has stopped; restart the server"
        with self._changed:
            first_s = min((began_s for began_s, _ in self._running.values()), default=math.inf)
        slowest_s = self._now_s() - first_s
        if slowest_s > self._deadline_s:
            return (
                f"the model has been at one batch for {slowest_s:.0f} s; restart the server, and "
                "look after the model's device if that does not help"
            )
        return self._failure or None

    async def close(self, drain_s: float = 2.0) -> None:
        """Refuse new utterances, transcribe up to `drain_s`, end the threads and `results`.

        Utterances that still wait then come out as `Unheard`. So do those of a running batch that
        does not end within `_HUNG_S`.
        """
        if self._closing:
            return
        with self._changed:
            self._closing = True
            self._drain_until = self._now_s() + drain_s
            self._changed.notify_all()
        until = self._drain_until + _HUNG_S
        while self._threads:
            left_s = min(max(0.0, until - self._now_s()), threading.TIMEOUT_MAX)
            await asyncio.to_thread(self._threads.pop().join, left_s)
        with self._changed:
            self._over = True
            hung = [one for _, batch in self._running.values() for one in batch.utterances]
        if hung:
            log.error("asr.model_hung", utterances=len(hung))
        # Results of other lanes for the same speakers were held back for these.
        for result in self._order.add_results([(one, Unheard(one, STOPPING)) for one in hung]):
            self._finished.put_nowait(result)
        if self._deadlines_task is not None:
            self._deadlines_task.cancel()
            await asyncio.wait([self._deadlines_task])
        for utterance in self._scheduler.drain():
            self._finished.put_nowait(Unheard(utterance, STOPPING))
        self._finished.put_nowait(_END)

    def _load_and_run(self, loaded: asyncio.Future[Transcriber]) -> None:
        assert self._loop is not None
        try:
            transcriber = self._load()
        except Exception as error:  # noqa: BLE001 - raised again in `start`
            self._loop.call_soon_threadsafe(_settle_future, loaded.set_exception, error)
            return
        if isinstance(transcriber, WindowedTranscriber):
            with self._changed:
                self._scheduler.window_frames = transcriber.window_frames
        self._runner = BatchRunner(transcriber, _UNLIMITED)
        self._loop.call_soon_threadsafe(_settle_future, loaded.set_result, transcriber)
        self._run_lane(transcriber)

    def _run_lane(self, transcriber: Transcriber) -> None:
        while (batch := self._wait_for_batch()) is not None:
            self._run_batch(transcriber, batch)

    def _wait_for_batch(self) -> Batch | None:
        """Return the next batch; None once the queue is closed."""
        with self._changed:
            while True:
                now_s = self._now_s()
                if self._closing and (not len(self._scheduler) or now_s >= self._drain_until):
                    return None
                batch, late = self._scheduler.next_batch(now_s)
                self._emit(late)
                if batch is not None:
                    self._order.expect(batch.utterances)
                    return batch
                # Interim utterances wait while their budget is spent.
                self._changed.wait(_BUDGET_S if len(self._scheduler) else None)

    def _run_batch(self, transcriber: Transcriber, batch: Batch) -> None:
        assert self._loop is not None
        lane, started_s = threading.get_ident(), self._now_s()
        with self._changed:
            self._running[lane] = started_s, batch
        shared = any(len(window) > 1 for window in batch.windows)
        transcribe = choose_decoding(transcriber, greedy=batch.greedy, coalesce=shared)
        results = self._transcribe(batch.utterances, transcribe)
        seconds = self._now_s() - started_s
        with self._changed:
            del self._running[lane]
            if self._over:
                return
            self._scheduler.finish_batch(batch, self._now_s())
            self._loop.call_soon_threadsafe(self._on_batch, len(results), seconds)
            found = zip(batch.utterances, results, strict=True)
            self._emit(self._order.add_results(found))  # with no other lane between the two

    def _transcribe(
        self, batch: Sequence[Utterance], transcribe: Transcribe
    ) -> list[Transcript | Unheard]:
        assert self._runner is not None
        try:
            outcomes = self._runner.run_batch(batch, transcribe)
        except ModelBroken as error:
            log.error("asr.model_broken", reason=str(error))
            self._failure = str(error)
            return [Unheard(one, NOT_TRANSCRIBED) for one in batch]
        if any(isinstance(outcome, NoMemory) for outcome in outcomes):
            self._failure = _MEMORY_REMEDY
        elif any(isinstance(outcome, Transcript) for outcome in outcomes):
            self._failure = ""
        return [_result_of(*pair) for pair in zip(batch, outcomes, strict=True)]

    async def _enforce_deadlines(self) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            with self._changed:
                self._emit(self._scheduler.drop_late(self._now_s()))

    def _emit(self, results: Iterable[Transcript | Unheard]) -> None:
        assert self._loop is not None
        for result in results:
            self._loop.call_soon_threadsafe(self._finished.put_nowait, result)


def _settle_future(settle: Callable[[_T], None], value: _T) -> None:
    """Call a future's `set_result` or `set_exception`, unless the future was cancelled."""
    with contextlib.suppress(asyncio.InvalidStateError):
        settle(value)


def _result_of(utterance: Utterance, outcome: Outcome) -> Transcript | Unheard:
    match outcome:
        case Transcript():
            return outcome
        case NoMemory():
            return Unheard(utterance, NO_MEMORY)
        case Refused():
            return Unheard(utterance, NOT_TRANSCRIBED)
