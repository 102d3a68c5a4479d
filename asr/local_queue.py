"""The in-process work queue: threads own the model, and this file alone crosses to them."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from functools import partial
from typing import TypeVar

import structlog

from asr.in_order import InOrder
from asr.ladder import Rung
from asr.scheduler import Batch, Scheduler, SchedulerSettings
from asr.speech import Transcript, Unheard, Utterance
from asr.transcriber import Effort, Transcriber, TranscriptionFailed, WindowedTranscriber

log = structlog.get_logger()

_T = TypeVar("_T")

_END = None
_STOPPING = "the server is stopping"
_BUDGET_S = 0.2


class LocalQueue:
    """A bounded `WorkQueue` over a `Transcriber` in this process.

    Each of the model's lanes works on what is most urgent when it becomes free: see
    `asr.scheduler`. What they hear of one speaker comes out in the order in which it was taken. A
    batch that fails is tried again in halves, so that only the bad item fails; whatever a model
    raises, its thread lives on.

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
        return transcriber

    def _begin(self, work: Callable[[_T], None], on: _T) -> None:
        thread = threading.Thread(target=work, args=(on,), name=f"asr-model-{len(self._threads)}")
        self._threads.append(thread)
        thread.start()

    def put(self, utterance: Utterance) -> None:
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

    async def close(self, drain_s: float = 2.0) -> None:
        """Take nothing more, transcribe what waits for so long, end the threads and `results`.

        What is not transcribed by then comes out as `Unheard`.
        """
        if self._closing:
            return
        with self._changed:
            self._closing = True
            self._drain_until = time.monotonic() + drain_s
            self._changed.notify_all()
        while self._threads:
            await asyncio.to_thread(self._threads[-1].join)
            self._threads.pop()
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
                self._scheduler.bucket_of = transcriber.bucket_of
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
        started_s = time.monotonic()
        results = _hear(transcriber, batch)
        seconds = time.monotonic() - started_s
        with self._changed:
            self._scheduler.done(batch, time.monotonic())
            self._loop.call_soon_threadsafe(self._on_batch, len(results), seconds)
            found = zip(batch.utterances, results, strict=True)
            self._give(self._in_order.done(found))  # with no other lane between the two

    def _give(self, results: Iterable[Transcript | Unheard]) -> None:
        assert self._loop is not None
        for result in results:
            self._loop.call_soon_threadsafe(self._finished.put_nowait, result)


def _tell(tell: Callable[[_T], None], what: _T) -> None:
    """To a future that nobody may be waiting for any more."""
    with contextlib.suppress(asyncio.InvalidStateError):
        tell(what)


def _hear(transcriber: Transcriber, batch: Batch) -> list[Transcript | Unheard]:
    if not isinstance(transcriber, WindowedTranscriber):
        return _transcribe(transcriber.transcribe, batch.utterances)
    hear = partial(
        transcriber.transcribe,
        effort=Effort.FAST if batch.greedy else Effort.FULL,
        coalesce=any(len(window) > 1 for window in batch.windows),
    )
    return _transcribe(hear, batch.utterances)


def _transcribe(
    hear: Callable[[Sequence[Utterance]], list[Transcript]], batch: Sequence[Utterance]
) -> list[Transcript | Unheard]:
    try:
        transcripts = list(hear(batch))
        if [found.utterance_id for found in transcripts] == [one.id for one in batch]:
            return list(transcripts)
        log.error("asr.batch_mixed_up", batch=len(batch))
    except TranscriptionFailed:
        log.warning("asr.batch_refused", batch=len(batch))
    except Exception:
        log.exception("asr.batch_failed", batch=len(batch))
    if len(batch) == 1:
        return [Unheard(batch[0], "the model could not transcribe it")]
    half = len(batch) // 2
    return _transcribe(hear, batch[:half]) + _transcribe(hear, batch[half:])
