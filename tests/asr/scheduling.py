"""Schedulers and utterances for the tests of scheduling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from asr.scheduler import Scheduler, SchedulerSettings
from asr.speech import EndedBy, Unheard, Utterance, WorkClass
from tests.asr.examples import START

SECOND = bytes(32_000)


def said(
    id_: str,
    *,
    room: str = "lobby",
    speaker: str = "ann",
    work: WorkClass = WorkClass.FINAL,
    revision: int = 0,
    seconds: float = 1.0,
    at_s: float = 0.0,
    ended_by: EndedBy = EndedBy.SILENCE,
) -> Utterance:
    return Utterance(
        id_,
        room,
        speaker,
        START + timedelta(seconds=at_s),
        SECOND * int(seconds) or SECOND[: int(32_000 * seconds)],
        EndedBy.OPEN if revision else ended_by,
        work=work,
        revision=revision,
    )


def interim(id_: str, revision: int, *, speaker: str = "ann", room: str = "lobby") -> Utterance:
    work = WorkClass.PARTIAL
    return said(id_, room=room, speaker=speaker, work=work, revision=revision)


def a_scheduler(**changes: float) -> Scheduler:
    settings = replace(SchedulerSettings(batch_size=1), **changes)  # type: ignore[arg-type]
    return Scheduler(settings, now_s=0.0)


def order(scheduler: Scheduler, now_s: float = 0.0, *, took_s: float = 0.1) -> list[str]:
    """Return the ids in the order of transcription, with batches of `took_s` each."""
    ids: list[str] = []
    while True:
        batch, _ = scheduler.next_batch(now_s)
        if batch is None:
            return ids
        ids += [utterance.id for utterance in batch.utterances]
        now_s += took_s
        scheduler.finish_batch(batch, now_s)


def reasons(gone: Sequence[Unheard]) -> dict[str, str]:
    return {each.utterance.id: each.reason for each in gone}
