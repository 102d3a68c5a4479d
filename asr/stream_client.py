"""A server's side of the streams: it sends jobs, reads results and watches the workers."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NoReturn

import structlog

from asr.backlog_monitor import BacklogMonitor, include_outbox
from asr.dispatch import Dispatch, Job
from asr.overload_ladder import LadderTimes, Rung
from asr.redis_backoff import Backoff
from asr.redis_streams import Streams, StreamsAway, StreamsRefused
from asr.stream_records import Overview, StreamLimits
from asr.wire import encode

log = structlog.get_logger()

_SWEEP_S = 10.0
_ASK_AFTER_S = 5.0
"""Seconds after which the state of a job is asked for: Redis may have lost it, or we its result."""
_FAREWELL_S = 1.0
"""Longest wait for Redis when a server leaves, in seconds."""

Loop = Callable[[Backoff], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class QueueTimes:
    """Times of a server that uses the streams, in seconds.

    Attributes:
        overview_s: Time between two readings of the streams' state.
        out_s: Age from which a job that is out may be with a dead worker, so that another is sent
            in its place; or four times the usual age, if that is more.
        hold_s: Longest time that a result is held back for those before it.
        retry_s: Waits before Redis is tried again; the last one repeats.
        ladder: Times of the overload ladder.
    """

    overview_s: float = 1.0
    out_s: float = 10.0
    hold_s: float = 1.0
    retry_s: Sequence[float] = (0.1, 0.2, 0.5, 1.0, 2.0)
    ladder: LadderTimes = field(default_factory=LadderTimes)


class StreamClient:
    """Sends the jobs of a `Dispatch` to Redis and reads their results. Redis may go and come back.

    Args:
        server: Id of this run of the server. Its results have a stream of their own.
        keep_ms: Time that Redis keeps a result.
        settle: Called with the id of a job and the message of its result. It may be called again
            for the same job.
        on_overview: Called with each new state of the streams.

    Attributes:
        away: Reason for which Redis cannot be used now; empty while it answers.
    """

    def __init__(
        self,
        streams: Streams,
        dispatch: Dispatch,
        *,
        model: str,
        server: str,
        keep_ms: int,
        limits: StreamLimits,
        times: QueueTimes,
        settle: Callable[[str, bytes], None],
        on_overview: Callable[[Overview], None],
    ) -> None:
        self._streams = streams
        self._dispatch = dispatch
        self._model = model
        self._server = server
        self._keep_ms = keep_ms
        self._limits = limits
        self._times = times
        self._settle = settle
        self._on_overview = on_overview
        self._may_send = asyncio.Event()
        self._started = False
        self._doubtful = False
        """Redis may have lost jobs, or this server results."""
        self._overview: Overview | None = None
        self._monitor = BacklogMonitor(asyncio.get_running_loop().time(), times.ladder)
        self.away = f"Redis at {streams.where} has not answered yet"

    @property
    def rung(self) -> Rung:
        """Current step of the overload ladder. It is sent along with each utterance."""
        return self._monitor.rung

    @property
    def overview(self) -> Overview | None:
        """State of the streams, at most a second old; None while Redis is away."""
        return None if self.away else self._overview

    async def connect(self) -> None:
        """Ask Redis for the state of the streams. A Redis that is away may come later.

        Raises:
            StreamsRefused: Redis refuses access.
        """
        try:
            await self._streams.check()
            await self._read_overview()
        except StreamsRefused:
            await self._streams.close()
            raise
        except StreamsAway as error:
            self._note_away(error)
        self._started = True

    def loops(self) -> dict[str, Loop]:
        """Return the loops that `run_forever` must run, by name."""
        return {"send": self._send_jobs, "hear": self._read_results, "ask": self._watch_streams}

    async def close(self, jobs: Sequence[str]) -> None:
        """Cancel these jobs, delete this run's results, and disconnect."""
        await self.cancel_jobs(jobs)
        with suppress(StreamsAway, TimeoutError):
            async with asyncio.timeout(_FAREWELL_S):
                await self._streams.drop_results(self._server)
        await self._streams.close()

    def allow_sending(self) -> None:
        """Look for a job to send: one was added, or there is room for one."""
        self._may_send.set()

    async def run_forever(self, run: Loop) -> NoReturn:
        """Run a loop again whenever Redis or a bug breaks it."""
        backoff = Backoff(self._times.retry_s)
        while True:
            try:
                await run(backoff)
            except StreamsAway as error:
                self._note_away(error)
                self._doubtful = True
            except Exception:
                log.exception("asr.redis_loop_failed")
                self._doubtful = True
            await asyncio.sleep(backoff.next_wait_s())

    async def cancel_jobs(self, jobs: Sequence[str]) -> None:
        """Cancel jobs in Redis if it answers. Without it, workers find out later by themselves."""
        with suppress(StreamsAway, TimeoutError):
            async with asyncio.timeout(_FAREWELL_S):
                await self._streams.cancel_jobs(jobs, self._keep_ms)

    def note_room(self) -> None:
        """Try classes again that Redis refused: something has left it."""
        self._dispatch.note_room()
        self._may_send.set()

    async def _send_jobs(self, backoff: Backoff) -> None:
        loop = asyncio.get_running_loop()
        while True:
            while (job := self._dispatch.next_job(loop.time())) is not None:
                await self._send_job(job)
                backoff.reset()
            self._may_send.clear()
            await self._may_send.wait()

    async def _send_job(self, job: Job) -> None:
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
            self._dispatch.put_back(job)
            raise
        if self._dispatch.get(job.id) is not job:  # settled meanwhile
            return
        if put.full:
            self._dispatch.put_back(job, refused=True)
            return
        self._dispatch.mark_sent(job, loop.time())
        if put.result is not None:
            self._settle(job.id, put.result)

    async def _read_results(self, backoff: Backoff) -> None:
        cursor = "0-0"
        while True:
            found = await self._streams.read_results(self._server, cursor)
            backoff.reset()
            for cursor, job, message in found:  # noqa: B007 - the next read starts at the last one
                self._settle(job, message)
            if found:
                await self._streams.forget_results(self._server, cursor)

    async def _watch_streams(self, backoff: Backoff) -> None:
        loop = asyncio.get_running_loop()
        sweep_at = loop.time()
        while True:
            await self._read_overview()
            await self._check_jobs(0.0 if self._doubtful else _ASK_AFTER_S)
            if loop.time() >= sweep_at:
                await self._streams.sweep_expired()
                sweep_at = loop.time() + _SWEEP_S * random.uniform(0.8, 1.2)
            backoff.reset()
            await asyncio.sleep(self._times.overview_s)

    async def _check_jobs(self, out_s: float) -> None:
        """Ask Redis for jobs sent `out_s` ago: send those it forgot, settle those it finished."""
        self._doubtful = False
        now = asyncio.get_running_loop().time()
        asked = [
            job
            for job in self._dispatch.all_jobs()
            if job.sent_at is not None and now - job.sent_at >= out_s
        ]
        try:
            states = await self._streams.read_states([job.id for job in asked])
        except StreamsAway:
            self._doubtful = True
            raise
        again = 0
        for job, state in zip(asked, states, strict=True):
            if state:
                self._settle(job.id, state)
            elif state is None and self._dispatch.get(job.id) is not None:
                again += 1
                self._dispatch.put_back_lost(job)
        if again:
            log.warning("asr.redis_forgot", utterances=again)
            self._may_send.set()

    async def _read_overview(self) -> None:
        found = await self._streams.read_overview()
        now_s = asyncio.get_running_loop().time()
        self._overview = overview = include_outbox(found, self._dispatch.outbox, now_s)
        if self.away and self._started:
            log.info("asr.redis_answers")
        self.away = ""
        batches = [worker.batch for worker in overview.workers if worker.model == self._model]
        self._dispatch.note_workers(sum(batches))
        self.note_room()
        self._on_overview(overview)
        self._monitor.update(overview, now_s)

    def _note_away(self, error: StreamsAway) -> None:
        if self.away != str(error):
            log.warning("asr.redis_away", reason=str(error))
        self.away = str(error)
