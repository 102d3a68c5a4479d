"""The work queue over Redis Streams: workers on other machines transcribe."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress

import structlog

from asr.dispatch import Dispatch, Job
from asr.overload_ladder import Rung
from asr.reasons import NO_WORKER_IN_TIME, OVERLOADED, REPLACED, SPEECH_ENDED, STOPPING
from asr.redis_backoff import Backoff
from asr.redis_streams import Streams, job_id
from asr.result_order import ResultOrder, speaker_key
from asr.scheduler import replaces
from asr.speech import Transcript, Unheard, Utterance, WorkClass
from asr.stream_client import QueueTimes, StreamClient
from asr.stream_records import Overview, StreamLimits
from asr.wire import Lost, WireError, decode, encode

log = structlog.get_logger()

_TICK_S = 0.1
_END = None


class RedisQueue:
    """A `WorkQueue` whose work is done by `earshot worker`s. Redis may go and come back.

    An utterance stays in this process until its result is there, so that even a Redis that forgets
    everything loses none: jobs that Redis does not know are sent again. A job without a result
    after `deadline_s` leaves as `Unheard`, and a later result is dropped. An interim utterance
    leaves when a newer one of its speaker comes, or the whole. A speaker's results of one class
    come in the order of the utterances, unless one is more than a second late.

    Results are read by a cursor into a stream that belongs to this run alone. What a previous run
    left behind never comes out of `results`; the server reports it as a gap.

    Args:
        capacity: Utterances of this server that may wait while Redis is away. While it answers,
            as many as Redis may hold, if that is more.
        limits: Limits of what Redis holds for all servers. This server holds no more sound, either.
        on_overview: Called with each new state of the streams.
    """

    def __init__(
        self,
        streams: Streams,
        model: str,
        *,
        capacity: int,
        deadline_s: float,
        limits: StreamLimits | None = None,
        on_overview: Callable[[Overview], None] = lambda overview: None,
        times: QueueTimes | None = None,
    ) -> None:
        self._model = model
        self._deadline_s = deadline_s
        self._limits = limits or StreamLimits()
        self._times = times or QueueTimes()
        self._capacity = capacity
        self._dispatch = Dispatch(model, out_s=self._times.out_s)
        self._client = StreamClient(
            streams,
            self._dispatch,
            model=model,
            server=secrets.token_hex(8),
            keep_ms=int(deadline_s * 2000) + 60_000,  # longer than any server asks for a result
            limits=self._limits,
            times=self._times,
            settle=self._settle,
            on_overview=on_overview,
        )
        self._settled = asyncio.Event()
        self._finished: asyncio.Queue[Transcript | Unheard | None] = asyncio.Queue()
        self._unwanted: list[str] = []
        """Jobs that have left here and are still to be cancelled in Redis."""
        self._order = ResultOrder(lambda one: (speaker_key(one), one.work))
        self._closing = False
        self._running: asyncio.Task[None] | None = None

    @property
    def rung(self) -> Rung:
        """Current step of the overload ladder."""
        return self._client.rung

    @property
    def overview(self) -> Overview | None:
        """State of the streams, at most a second old; None while Redis is away."""
        return self._client.overview

    async def start(self) -> None:
        """Begin to send utterances and read results. A Redis that is away may come later.

        Raises:
            StreamsRefused: Redis refuses access.
        """
        await self._client.connect()
        self._running = asyncio.create_task(self._run(), name="redis queue")

    def put(self, utterance: Utterance) -> None:
        if (reason := self._refusal(utterance)) is not None:
            self._finished.put_nowait(Unheard(utterance, reason))
            return
        now = asyncio.get_running_loop().time()
        job = Job(job_id(utterance, self._model), utterance, now, now + self._deadline_s)
        if self._dispatch.get(job.id) is not None:  # put twice: one result settles both
            return
        for older in self._dispatch.all_jobs():
            if replaces(utterance, older.utterance):
                self._lose(older, REPLACED if utterance.provisional else SPEECH_ENDED)
                self._unwanted.append(older.id)
        self._dispatch.add_job(job)
        self._order.expect([utterance])
        outbox = self._dispatch.outbox
        # What waits already may stay when Redis comes back and `most` shrinks.
        most = self._capacity if self._client.away else max(self._capacity, self._limits.entries)
        if len(outbox) > most:
            self._lose(self._dispatch.first_to_drop(), OVERLOADED)
        while outbox.bytes > self._limits.bytes:
            self._lose(self._dispatch.first_to_drop(), OVERLOADED)
        self._client.allow_sending()

    def _refusal(self, utterance: Utterance) -> str | None:
        """Return the reason for which an utterance is refused; None: it is accepted."""
        if self._closing:
            return STOPPING
        try:
            size = len(encode(utterance))
        except WireError as error:
            return f"it cannot be sent: {error}"
        if size > self._limits.bytes:
            return "it is longer than all that Redis may hold"
        if utterance.work is WorkClass.PARTIAL and self.rung >= Rung.NO_LOOKS:
            return OVERLOADED
        return None

    async def results(self) -> AsyncIterator[Transcript | Unheard]:
        while (result := await self._finished.get()) is not _END:
            yield result

    def waiting(self) -> int:
        """Count the utterances without a result. Workers do not say when they begin on one."""
        return len(self._dispatch)

    def unready(self) -> str | None:
        """Return the reason for which nothing is transcribed now, and the remedy; None: ready."""
        overview = self._client.overview
        if overview is None:
            return self._client.away
        models = {worker.model for worker in overview.workers}
        if self._model in models:
            return None
        others = f" (workers run {', '.join(sorted(models))})" if models else ""
        return f"no worker runs the model {self._model}{others}; start `earshot worker` with it"

    async def close(self, drain_s: float = 2.0) -> None:
        """Refuse new utterances, wait up to `drain_s` for results, end `results`.

        Utterances without a result by then come out as `Unheard`.
        """
        if self._closing:
            return
        self._closing = True
        with suppress(TimeoutError):
            async with asyncio.timeout(drain_s if self._running else 0):
                while len(self._dispatch):
                    self._settled.clear()
                    await self._settled.wait()
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])
        left = self._dispatch.all_jobs()
        for job in left:
            self._lose(job, STOPPING)
        self._finished.put_nowait(_END)
        await self._client.close([*self._unwanted, *(job.id for job in left)])

    # Results

    def _settle(self, id_: str, message: bytes) -> None:
        """Give a job the result in this message. Only the first result of a job counts."""
        job = self._dispatch.get(id_)
        if job is None:
            return
        try:
            found = decode(message)
        except WireError as error:
            log.error("asr.result_malformed", utterance=job.utterance.id, reason=str(error))
            self._lose(job, f"its transcript came back unreadable: {error}")
            return
        match found:
            case Transcript() if found.utterance_id == job.utterance.id:
                self._dispatch.note_transcribed(job, asyncio.get_running_loop().time())
                self._finish(job, found)
            case Lost(reason):
                self._lose(job, reason)
            case _:
                log.error("asr.result_mixed_up", utterance=job.utterance.id)
                self._lose(job, "its worker answered with another's transcript")

    def _lose(self, job: Job, reason: str) -> None:
        self._finish(job, Unheard(job.utterance, reason))

    def _finish(self, job: Job, result: Transcript | Unheard) -> None:
        if self._dispatch.remove(job):
            self._client.note_room()
        now_s = asyncio.get_running_loop().time()
        self._emit(self._order.add_results([(job.utterance, result)], now_s))
        self._settled.set()

    def _emit(self, results: Sequence[Transcript | Unheard]) -> None:
        for result in results:
            self._finished.put_nowait(result)

    # Loops

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for name, loop in {
                **self._client.loops(),
                "deadlines": self._enforce_deadlines,
            }.items():
                running = self._client.run_forever(loop)
                tasks.create_task(running, name=f"redis queue: {name}")

    async def _enforce_deadlines(self, backoff: Backoff) -> None:
        while True:
            now = asyncio.get_running_loop().time()
            self._emit(self._order.release_overdue(now - self._times.hold_s))
            late = [job for job in self._dispatch.all_jobs() if job.late_at <= now]
            reason = (
                f"{NO_WORKER_IN_TIME}: Redis is away" if self._client.away else NO_WORKER_IN_TIME
            )
            for job in late:
                self._lose(job, reason)
            if late:
                log.warning("asr.too_late", utterances=len(late))
            unwanted, self._unwanted = self._unwanted, []
            await self._client.cancel_jobs([*unwanted, *(job.id for job in late)])
            backoff.reset()
            await asyncio.sleep(_TICK_S)
