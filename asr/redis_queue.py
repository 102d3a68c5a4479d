"""The work queue over Redis Streams: workers on other machines transcribe."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

import structlog

from asr.in_order import InOrder, speaker_of
from asr.ladder import Ladder, LadderTimes, Rung
from asr.outbox import Outbox
from asr.redis_scripts import OVERLOADED, TOO_LATE
from asr.redis_streams import Limits, Overview, Streams, StreamsAway, StreamsRefused, job_id
from asr.scheduler import ENDED, NEWER, replaces
from asr.speech import LOOKS, Transcript, Unheard, Utterance, WorkClass
from asr.wire import Lost, WireError, decode, encode

log = structlog.get_logger()

_STOPPING = "the server is stopping"
_ALARM_S, _CALM_S = 3.0, 1.0
"""Work that waits for longer is an alarm, which ends below the second."""
_TICK_S, _SWEEP_S = 0.1, 10.0
_ASK_AFTER_S = 5.0
"""A job that is out for longer is asked after: Redis may have lost it, or we its result."""
_OUT_BATCHES, _LEAST_OUT = 3, 8
"""A worker is at one batch, prepares the next, and finds a third."""
_OUT_TIMES = 4.0
_FAREWELL_S = 1.0
_END = None


@dataclass(frozen=True, slots=True)
class QueueTimes:
    """
    Attributes:
        look_s: How often the state of the streams is read.
        out_s: What is out for longer, and for several times as long as others took, may be with a
            worker that is gone: something else takes its place.
        hold_s: How long a result is held back for those before it, which may be with a slower
            worker or with one that is gone.
        retry_s: Waits before Redis is tried again; the last one repeats.
        ladder: When overload is acted upon.
    """

    look_s: float = 1.0
    out_s: float = 10.0
    hold_s: float = 1.0
    retry_s: Sequence[float] = (0.1, 0.2, 0.5, 1.0, 2.0)
    ladder: LadderTimes = field(default_factory=LadderTimes)


@dataclass(slots=True)
class _Job:
    """An utterance on its way; it is kept here until it is known what came of it."""

    id: str
    utterance: Utterance
    put_at: float
    late_at: float
    sent_at: float | None = None


class RedisQueue:
    """A `WorkQueue` whose work is done by `earshot worker`s. Redis may go and come back.

    An utterance stays in this process until its result has come, so that not even a Redis that
    forgot everything loses one: what it does not know is put again. What has no result after
    `deadline_s` leaves as `Unheard`, and a result that comes later is dropped. A look at speech
    that goes on leaves for a newer one, and for the end of that speech. A speaker's results of one
    class come in the order of their utterances, unless one is more than a second late.

    Of each class workers are given what they can hold; all else waits here, where rooms take turns
    (`asr.outbox`).

    Results are read by a cursor into a stream of this run alone. What a run before left behind is
    told by the server as a gap, and cannot come out of `results`.

    Args:
        capacity: Utterances of this server that may wait for a Redis that is away; for workers as
            many as Redis would hold, if these are more. Their sound is as much as Redis would hold.
        limits: Of what Redis holds for all servers.
        on_look: Told at each look how the streams stand.
    """

    def __init__(
        self,
        streams: Streams,
        model: str,
        *,
        capacity: int,
        deadline_s: float,
        limits: Limits | None = None,
        on_look: Callable[[Overview], None] = lambda overview: None,
        times: QueueTimes | None = None,
    ) -> None:
        self._streams = streams
        self._model = model
        self._deadline_s = deadline_s
        self._limits = limits or Limits()
        self._on_look = on_look
        self._times = times or QueueTimes()
        self._server = secrets.token_hex(8)
        self._capacity = capacity
        self._outbox = Outbox()
        self._out: dict[WorkClass, dict[str, float]] = {work: {} for work in WorkClass}
        """When what is on its way was sent, the first one first."""
        self._took_s = 0.0
        """From sending to result, of late."""
        self._batches = 0
        """Of all workers that were seen last."""
        self._refused: set[WorkClass] = set()
        """Of which Redis takes no more, until something leaves it."""
        self._jobs: dict[str, _Job] = {}
        self._put = asyncio.Event()
        self._settled = asyncio.Event()
        self._finished: asyncio.Queue[Transcript | Unheard | None] = asyncio.Queue()
        self._unwanted: list[str] = []
        """Jobs that nobody waits for any more, of which Redis has not been told."""
        self._in_order = InOrder(lambda one: (speaker_of(one), one.work))
        self._closing = False
        self._running: asyncio.Task[None] | None = None
        self._overview: Overview | None = None
        self._away = f"Redis at {streams.where} has not answered yet"
        self._doubtful = False
        self._alarmed = False
        self._ladder = Ladder(asyncio.get_running_loop().time(), self._times.ladder)

    @property
    def rung(self) -> Rung:
        """Workers are told of it with each utterance."""
        return self._ladder.rung

    @property
    def _keep_ms(self) -> int:
        """Longer than anybody can still ask after a job."""
        return int(self._deadline_s * 2000) + 60_000

    async def start(self) -> None:
        """Begin to send and to hear. A Redis that is away is waited for.

        Raises:
            StreamsRefused: it does not let us in.
        """
        try:
            await self._streams.check()
            await self._look()
        except StreamsRefused:
            await self._streams.close()
            raise
        except StreamsAway as error:
            self._note_away(error)
        self._running = asyncio.create_task(self._run(), name="redis queue")

    def put(self, utterance: Utterance) -> None:
        if self._closing:
            self._finished.put_nowait(Unheard(utterance, _STOPPING))
            return
        try:
            size = len(encode(utterance))
        except WireError as error:
            self._finished.put_nowait(Unheard(utterance, f"it cannot be sent: {error}"))
            return
        if size > self._limits.bytes:
            self._finished.put_nowait(
                Unheard(utterance, "it is longer than all that Redis may hold")
            )
            return
        if utterance.work is WorkClass.PARTIAL and self.rung >= Rung.NO_LOOKS:
            self._finished.put_nowait(Unheard(utterance, OVERLOADED))
            return
        now = asyncio.get_running_loop().time()
        job = _Job(job_id(utterance, self._model), utterance, now, now + self._deadline_s)
        if job.id in self._jobs:  # heard twice: the first settles both
            return
        for older in [each for each in self._jobs.values() if replaces(utterance, each.utterance)]:
            self._lose(older, NEWER if utterance.provisional else ENDED)
            self._unwanted.append(older.id)
        self._jobs[job.id] = job
        self._in_order.take([utterance])
        self._outbox.put(utterance, now)
        most = self._capacity if self._away else max(self._capacity, self._limits.entries)
        if (
            len(self._outbox) > most
        ):  # what waits already may go on waiting for a Redis that is back
            self._lose_least()
        while self._outbox.bytes > self._limits.bytes:
            self._lose_least()
        self._put.set()

    def _lose_least(self) -> None:
        self._lose(self._jobs[job_id(self._outbox.least(), self._model)], OVERLOADED)

    async def results(self) -> AsyncIterator[Transcript | Unheard]:
        while (result := await self._finished.get()) is not _END:
            yield result

    def waiting(self) -> int:
        """What has not come back; nobody says when a worker begins on it."""
        return len(self._jobs)

    def unready(self) -> str | None:
        """Why nothing would be transcribed now, and the remedy; None: it would."""
        if self._away:
            return self._away
        assert self._overview is not None
        models = {worker.model for worker in self._overview.workers}
        if self._model in models:
            return None
        others = f" (workers run {', '.join(sorted(models))})" if models else ""
        return f"no worker runs the model {self._model}{others}; start `earshot worker` with it"

    @property
    def overview(self) -> Overview | None:
        """How the streams stood a second ago; None while Redis is away."""
        return None if self._away else self._overview

    async def close(self, drain_s: float = 2.0) -> None:
        """Take nothing more, wait for results for so long, end `results`.

        What has no result by then comes out as `Unheard`.
        """
        if self._closing:
            return
        self._closing = True
        with suppress(TimeoutError):
            async with asyncio.timeout(drain_s if self._running else 0):
                while self._jobs:
                    self._settled.clear()
                    await self._settled.wait()
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])
        left = list(self._jobs.values())
        for job in left:
            self._lose(job, _STOPPING)
        self._finished.put_nowait(_END)
        await self._tell_nobody_waits([*self._unwanted, *(job.id for job in left)])
        with suppress(StreamsAway, TimeoutError):
            async with asyncio.timeout(_FAREWELL_S):
                await self._streams.drop_results(self._server)
        await self._streams.close()

    # What came of it

    def _settle(self, id_: str, message: bytes) -> None:
        """Once for each job: whatever else is said of it comes too late."""
        job = self._jobs.get(id_)
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
                if job.sent_at is not None:
                    took_s = asyncio.get_running_loop().time() - job.sent_at
                    self._took_s = 0.8 * self._took_s + 0.2 * took_s
                self._forget(job, found)
            case Lost(reason):
                self._lose(job, reason)
            case _:
                log.error("asr.result_mixed_up", utterance=job.utterance.id)
                self._lose(job, "its worker answered with another's transcript")

    def _lose(self, job: _Job, reason: str) -> None:
        self._forget(job, Unheard(job.utterance, reason))

    def _forget(self, job: _Job, result: Transcript | Unheard) -> None:
        self._jobs.pop(job.id, None)
        self._outbox.remove(job.utterance)
        if self._out[job.utterance.work].pop(job.id, None) is not None:
            self._there_is_room()
        now_s = asyncio.get_running_loop().time()
        self._give(self._in_order.done([(job.utterance, result)], now_s))
        self._settled.set()

    def _give(self, results: Sequence[Transcript | Unheard]) -> None:
        for result in results:
            self._finished.put_nowait(result)

    # Loops

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for name, loop in (
                ("send", self._kept_up(self._send)),
                ("hear", self._kept_up(self._hear)),
                ("ask", self._kept_up(self._ask)),
                ("deadlines", self._kept_up(self._deadlines)),
            ):
                tasks.create_task(loop, name=f"redis queue: {name}")

    async def _kept_up(self, run: Callable[[_Waits], Coroutine[Any, Any, None]]) -> NoReturn:
        """Over and over; what Redis or a bug breaks is tried again after a while."""
        waits = _Waits(self._times.retry_s)
        while True:
            try:
                await run(waits)
            except StreamsAway as error:
                self._note_away(error)
                self._doubtful = True
            except Exception:
                log.exception("asr.redis_loop_failed")
                self._doubtful = True
            await asyncio.sleep(waits.next())

    async def _send(self, waits: _Waits) -> None:
        while True:
            while (job := self._next()) is not None:
                await self._send_one(job)
                waits.reset()
            self._put.clear()
            await self._put.wait()

    def _next(self) -> _Job | None:
        """What is to be sent now: nothing, while workers have enough of each class."""
        most = max(_LEAST_OUT, _OUT_BATCHES * self._batches)
        out_s = max(self._times.out_s, _OUT_TIMES * self._took_s)
        since_s = asyncio.get_running_loop().time() - out_s
        for work, out in self._out.items():
            while out and (first := next(iter(out.items())))[1] < since_s:
                del out[first[0]]
            if len(out) >= most or work in self._refused:
                continue
            if (found := self._outbox.take(work)) is not None:
                return self._jobs[job_id(found, self._model)]
        return None

    def _there_is_room(self) -> None:
        self._refused.clear()
        self._put.set()

    async def _send_one(self, job: _Job) -> None:
        loop = asyncio.get_running_loop()
        try:
            put = await self._streams.enqueue(
                job.id,
                job.utterance,
                encode(job.utterance),
                server=self._server,
                left_ms=max(1, int((job.late_at - loop.time()) * 1000)),
                keep_ms=self._keep_ms,
                limits=self._limits,
                rung=self.rung,
            )
        except BaseException:
            self._put_back(job)
            raise
        if self._jobs.get(job.id) is not job:  # settled meanwhile
            return
        if put.full:
            self._put_back(job)
            self._refused.add(job.utterance.work)
            return
        job.sent_at = self._out[job.utterance.work][job.id] = loop.time()
        if put.done is not None:
            self._settle(job.id, put.done)

    def _put_back(self, job: _Job) -> None:
        if self._jobs.get(job.id) is job:
            self._outbox.put_back(job.utterance, job.put_at)

    async def _hear(self, waits: _Waits) -> None:
        cursor = "0-0"
        while True:
            found = await self._streams.results(self._server, cursor)
            waits.reset()
            for cursor, job, message in found:  # noqa: B007 - the last one is gone on from
                self._settle(job, message)
            if found:
                await self._streams.forget_results(self._server, cursor)

    async def _ask(self, waits: _Waits) -> None:
        loop = asyncio.get_running_loop()
        sweep_at = loop.time()
        while True:
            await self._look()
            await self._ask_after_jobs(0.0 if self._doubtful else _ASK_AFTER_S)
            if loop.time() >= sweep_at:
                await self._streams.sweep()
                sweep_at = loop.time() + _SWEEP_S * random.uniform(0.8, 1.2)
            waits.reset()
            await asyncio.sleep(self._times.look_s)

    async def _ask_after_jobs(self, out_s: float) -> None:
        """What Redis has forgotten is put again; a result that passed us by is taken."""
        self._doubtful = False
        now = asyncio.get_running_loop().time()
        asked = [
            job
            for job in self._jobs.values()
            if job.sent_at is not None and now - job.sent_at >= out_s
        ]
        try:
            states = await self._streams.states([job.id for job in asked])
        except StreamsAway:
            self._doubtful = True
            raise
        again = 0
        for job, state in zip(asked, states, strict=True):
            if state:
                self._settle(job.id, state)
            elif state is None and job.id in self._jobs:
                again += 1
                job.sent_at = None
                self._out[job.utterance.work].pop(job.id, None)
                self._put_back(job)
        if again:
            log.warning("asr.redis_forgot", utterances=again)
            self._put.set()

    async def _deadlines(self, waits: _Waits) -> None:
        while True:
            now = asyncio.get_running_loop().time()
            self._give(self._in_order.overdue(now - self._times.hold_s))
            late = [job for job in self._jobs.values() if job.late_at <= now]
            for job in late:
                self._lose(job, TOO_LATE if not self._away else f"{TOO_LATE}: Redis is away")
            if late:
                log.warning("asr.too_late", utterances=len(late))
            unwanted, self._unwanted = self._unwanted, []
            await self._tell_nobody_waits([*unwanted, *(job.id for job in late)])
            waits.reset()
            await asyncio.sleep(_TICK_S)

    async def _tell_nobody_waits(self, jobs: Sequence[str]) -> None:
        """Workers find out by themselves, too, but later."""
        with suppress(StreamsAway, TimeoutError):
            async with asyncio.timeout(_FAREWELL_S):
                await self._streams.cancel(jobs, self._keep_ms)

    async def _look(self) -> None:
        self._overview = overview = self._with_ours(await self._streams.look())
        if self._away and self._running is not None:
            log.info("asr.redis_answers")
        self._away = ""
        batches = [seen.batch for seen in overview.workers if seen.model == self._model]
        self._batches = sum(batches) or self._batches  # whoever comes finds work
        self._there_is_room()
        self._on_look(overview)
        behind_s = max(overview.behind_s.values())
        finals_s = max(s for work, s in overview.behind_s.items() if work not in LOOKS)
        # Looks that wait are left out; no words become worse for them.
        waits_s = max(finals_s, min(behind_s, self._times.ladder.climb_s[Rung.GREEDY]))
        self._ladder.look(waits_s, asyncio.get_running_loop().time())
        if behind_s > _ALARM_S and not self._alarmed:
            waiting = sum(overview.waiting.values())
            log.warning("asr.workers_behind", behind_s=round(behind_s, 1), waiting=waiting)
            self._alarmed = True
        elif behind_s < _CALM_S and self._alarmed:
            log.info("asr.workers_caught_up")
            self._alarmed = False

    def _with_ours(self, overview: Overview) -> Overview:
        """With what waits here."""
        ours, now_s = self._outbox.waiting(), asyncio.get_running_loop().time()
        behind_s = self._outbox.behind_s(now_s)
        return replace(
            overview,
            waiting={work: n + ours[work] for work, n in overview.waiting.items()},
            behind_s={
                work: max(s, behind_s.get(work, 0.0)) for work, s in overview.behind_s.items()
            },
        )

    def _note_away(self, error: StreamsAway) -> None:
        if self._away != str(error):
            log.warning("asr.redis_away", reason=str(error))
        self._away = str(error)


class _Waits:
    """Waits between attempts, longer after each in a row that failed."""

    def __init__(self, waits_s: Sequence[float]) -> None:
        self._waits_s = waits_s
        self._failed = 0

    def next(self) -> float:
        wait_s = self._waits_s[min(self._failed, len(self._waits_s) - 1)]
        self._failed += 1
        return wait_s * random.uniform(0.8, 1.2)

    def reset(self) -> None:
        self._failed = 0
