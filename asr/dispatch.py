"""Choice of the next job to send to the workers. Pure.

Workers get no more of each class than they can hold. The rest waits here, where rooms take turns
(`asr.outbox`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from asr.outbox import Outbox
from asr.redis_streams import job_id
from asr.speech import Utterance, WorkClass

_BATCHES_OUT, _LEAST_OUT = 3, 8
"""A worker is at one batch, prepares the next, and finds a third."""
_OUT_TIMES = 4.0
"""A job that is out for four times the usual time may be with a dead worker."""


@dataclass(slots=True)
class Job:
    """An utterance without a result. It stays in this process until its result is there.

    Attributes:
        put_at: Time at which it was put, in seconds of the event loop.
        late_at: Deadline for its result.
        sent_at: Time at which Redis got it; None: Redis does not have it.
    """

    id: str
    utterance: Utterance
    put_at: float
    late_at: float
    sent_at: float | None = None


class Dispatch:
    """Jobs of one server: those that wait here and those that are out at workers.

    Args:
        out_s: Seconds after which a job that is out no longer counts, so that another may be sent.
    """

    def __init__(self, model: str, *, out_s: float) -> None:
        self._model = model
        self._out_s = out_s
        self.outbox = Outbox()
        self._jobs: dict[str, Job] = {}
        self._out: dict[WorkClass, dict[str, float]] = {work: {} for work in WorkClass}
        """Times of sending, the earliest first."""
        self._took_s = 0.0
        """Mean time from sending to result, of late."""
        self._batches = 0
        """Sum of the batch sizes of all workers that were alive last."""
        self._refused: set[WorkClass] = set()
        """Classes for which Redis has no room."""

    def __len__(self) -> int:
        return len(self._jobs)

    def get(self, id_: str) -> Job | None:
        return self._jobs.get(id_)

    def all_jobs(self) -> Sequence[Job]:
        return list(self._jobs.values())

    def add_job(self, job: Job) -> None:
        self._jobs[job.id] = job
        self.outbox.put(job.utterance, job.put_at)

    def remove(self, job: Job) -> bool:
        """Remove a job that has its result; True: it was out, so another may be sent."""
        self._jobs.pop(job.id, None)
        self.outbox.remove(job.utterance)
        return self._out[job.utterance.work].pop(job.id, None) is not None

    def first_to_drop(self) -> Job:
        """Return the waiting job that leaves first where there is too much."""
        return self._jobs[job_id(self.outbox.first_to_drop(), self._model)]

    def next_job(self, now_s: float) -> Job | None:
        """Take the next job out of the outbox; None: workers have enough of each class."""
        most = max(_LEAST_OUT, _BATCHES_OUT * self._batches)
        since_s = now_s - max(self._out_s, _OUT_TIMES * self._took_s)
        for work, out in self._out.items():
            while out and (first := next(iter(out.items())))[1] < since_s:
                del out[first[0]]
            if len(out) >= most or work in self._refused:
                continue
            if (utterance := self.outbox.pop_next(work)) is not None:
                return self._jobs[job_id(utterance, self._model)]
        return None

    def mark_sent(self, job: Job, now_s: float) -> None:
        job.sent_at = self._out[job.utterance.work][job.id] = now_s

    def put_back(self, job: Job, *, refused: bool = False) -> None:
        """Return a job to the outbox, unless it has its result by now.

        Args:
            refused: Redis has no room for its class.
        """
        if self._jobs.get(job.id) is job:
            self.outbox.put_back(job.utterance, job.put_at)
            if refused:
                self._refused.add(job.utterance.work)

    def put_back_lost(self, job: Job) -> None:
        """Return a job that Redis has forgotten to the outbox."""
        job.sent_at = None
        self._out[job.utterance.work].pop(job.id, None)
        self.put_back(job)

    def note_room(self) -> None:
        """Try every class again: something has left Redis."""
        self._refused.clear()

    def note_workers(self, batches: int) -> None:
        """Note the sum of the workers' batch sizes. Without workers the last sum stays."""
        self._batches = batches or self._batches

    def note_transcribed(self, job: Job, now_s: float) -> None:
        """Count the time that a job took."""
        if job.sent_at is not None:
            self._took_s = 0.8 * self._took_s + 0.2 * (now_s - job.sent_at)
