"""Records that servers and workers exchange with Redis."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from asr.limits import STREAM_ENTRIES, STREAM_MIB
from asr.overload_ladder import Rung
from asr.speech import WorkClass


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """Limits of what Redis holds for all servers of a model.

    Beyond either limit the oldest entry of the least urgent class leaves untranscribed.

    Attributes:
        entries: Utterances.
        bytes: Size of their sound.
    """

    entries: int = STREAM_ENTRIES
    bytes: int = STREAM_MIB.default * 1024 * 1024


@dataclass(frozen=True, slots=True)
class StreamEntry:
    """An utterance in Redis that a worker has a lease on.

    Attributes:
        deliveries: Times that the entry was handed out, this time included.
        left_ms: Time until its server stops waiting for the result.
        keep_ms: Time that Redis keeps the result.
        rung: Step of the overload ladder when the entry was sent.
        body: The utterance, encoded by `asr.wire`.
    """

    work: str
    id: str
    deliveries: int
    job: str
    server: str
    utterance: str
    size: int
    left_ms: int
    keep_ms: int
    rung: Rung
    body: bytes


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """Content of a worker's heartbeat.

    Attributes:
        batch: Utterances that the worker transcribes at once.
    """

    model: str
    device: str
    batch: int
    busy: bool


@dataclass(frozen=True, slots=True)
class Overview:
    """State of a model's streams.

    Attributes:
        waiting: Utterances of all servers that no worker has yet, by class.
        behind_s: Seconds that the oldest of them has waited, by class.
        workers: Workers of every model.
        bytes: Size of the sound in Redis.
        claims: Entries that were ever claimed from a dead worker.
        dead: Entries that were ever given up.
    """

    waiting: Mapping[WorkClass, int]
    behind_s: Mapping[WorkClass, float]
    workers: Sequence[WorkerStatus]
    bytes: int
    claims: int
    dead: int


@dataclass(frozen=True, slots=True)
class Enqueued:
    """Answer of Redis to a new entry.

    Attributes:
        full: Redis has no room, and nothing less urgent that could make room.
        result: Result that the job has already, encoded by `asr.wire`; None: none yet.
    """

    full: bool = False
    result: bytes | None = None


def parse_entry(entry: Sequence[Any]) -> StreamEntry:
    """Return the entry that a script handed out."""
    work, id_, deliveries, job, server, utterance, size, left_ms, keep_ms, rung, body = entry
    return StreamEntry(
        work.decode(),
        id_.decode(),
        int(deliveries),
        job.decode(),
        server.decode(),
        utterance.decode(errors="replace"),
        int(size),
        int(left_ms),
        int(keep_ms),
        Rung(min(int(rung), max(Rung))),  # a later release may have more
        body,
    )


def format_worker(status: WorkerStatus) -> str:
    """Return a worker's status as JSON."""
    return json.dumps(asdict(status))


def parse_worker(content: bytes) -> WorkerStatus | None:
    """Return a worker's status; None where a later release writes another form."""
    try:
        found = json.loads(content)
        return WorkerStatus(
            str(found["model"]), str(found["device"]), int(found["batch"]), bool(found["busy"])
        )
    except (ValueError, KeyError, TypeError):
        return None
