"""The server's queue and the demo model under an open-loop load: random arrivals at a share of the
model's capacity.

At 80 % it measures the wait of each class, and how much a room with half of all speech slows the
others. At 150 % it checks that everything sent comes out, as words, late words or a gap, and
measures the time until the overload ladder is down again.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from asr.loading import load_whisper
from asr.local_queue import LocalQueue
from asr.overload_ladder import Rung
from asr.parallelism import batch_size, lanes
from asr.scheduler import SchedulerSettings
from asr.settings import AsrSettings
from asr.speech import EndedBy, Transcript, Unheard, Utterance, WorkClass
from benchmarks.asr.material import utterances
from benchmarks.asr.progress import Run
from benchmarks.rows import Row

_ROOMS = 8
_HOT = "room-0"
_CLASSES = ((WorkClass.HOT_FINAL, 0.1), (WorkClass.FINAL, 0.7), (WorkClass.PARTIAL, 0.2))
_LATE_S = 1.0
_NORMAL_S = 10.0
_SLOWER = 1.2
_DRAIN_S = 60.0


@dataclass(slots=True)
class _Load:
    """Utterances put, the times of their puts, and their results."""

    put_s: dict[tuple[str, int], float] = field(default_factory=dict)
    put: dict[tuple[str, int], Utterance] = field(default_factory=dict)
    waits_s: dict[tuple[str, int], float] = field(default_factory=dict)
    unheard: Counter[str] = field(default_factory=Counter)
    gaps: int = 0
    """Finals without a transcript. Each would be a gap event."""

    @property
    def out(self) -> int:
        """Number of utterances without a result."""
        return len(self.put) - len(self.waits_s) - sum(self.unheard.values())

    def sorted_waits(self, work: WorkClass | None = None, *, but: str = "") -> list[float]:
        """Return the waits of a class, without those of the room `but`."""
        return sorted(
            wait
            for key, wait in self.waits_s.items()
            if work in (None, self.put[key].work) and self.put[key].room_id != but
        )


def loaded(model: str, directory: Path, run: Run, *, seconds: float) -> None:
    """Measure the open loop and the overload, and keep the rows."""
    asyncio.run(_loaded(model, directory, run, seconds))


async def _loaded(model: str, directory: Path, run: Run, seconds: float) -> None:
    settings = AsrSettings(model=str(directory), device="cpu", compute_type="int8")
    queue = LocalQueue(
        lambda: load_whisper(settings),
        settings=SchedulerSettings(
            capacity=10_000, batch_size=batch_size(settings), lanes=lanes(settings)
        ),
    )
    await queue.start()
    load_ = _Load()
    results = asyncio.create_task(_results(queue, load_), name="bench results")
    try:
        a_second = await _capacity(queue, load_)
        run.keep(Row(f"{model}, the queue's capacity", round(a_second, 1), "utterances/s"))
        if not run.enough_for(2 * seconds + _DRAIN_S, "open loop"):
            return
        even = await _offer(queue, load_, 0.8 * a_second, seconds, hot=False)
        hot = await _offer(queue, load_, 0.8 * a_second, seconds, hot=True)
        _keep_open_loop(model, run, even, hot)
        if not run.enough_for(seconds + _DRAIN_S, "overload"):
            return
        await _overload(model, queue, load_, run, 1.5 * a_second, seconds)
    finally:
        await queue.close(drain_s=0.0)
        await results


async def _capacity(queue: LocalQueue, load_: _Load) -> float:
    """Return utterances per second while one always waits. Wait until the ladder is down."""
    said = [one.utterance for one in utterances()]
    for utterance in said[:4]:  # a warm-up
        _put(queue, load_, utterance)
    await _wait_for_results(load_)
    began = time.monotonic()
    for number, utterance in enumerate(said):
        _put(queue, load_, replace(utterance, id=f"capacity {number}"))
        await _until(lambda: load_.out <= 1)
    await _wait_for_results(load_)
    rate = len(said) / (time.monotonic() - began)
    await _wait_until_calm(queue)
    return rate


async def _offer(
    queue: LocalQueue, load_: _Load, a_second: float, seconds: float, *, hot: bool
) -> _Load:
    """Offer `a_second` utterances per second; return their results once all are there."""
    before = set(load_.put)
    dice = random.Random(1)
    said = [one.utterance for one in utterances()]
    began = time.monotonic()
    due_s = 0.0
    while (due_s := due_s + dice.expovariate(a_second)) < seconds:
        await asyncio.sleep(max(0.0, began + due_s - time.monotonic()))
        room = _HOT if hot and dice.random() < 0.5 else f"room-{dice.randrange(1, _ROOMS)}"
        _put(queue, load_, _next(dice, said, room, len(load_.put)))
    await _wait_for_results(load_)
    await _wait_until_calm(queue)
    mine = set(load_.put) - before
    return _Load(
        {key: load_.put_s[key] for key in mine},
        {key: load_.put[key] for key in mine},
        {key: wait for key, wait in load_.waits_s.items() if key in mine},
    )


def _next(dice: random.Random, said: Sequence[Utterance], room: str, number: int) -> Utterance:
    work = dice.choices([one for one, _ in _CLASSES], [share for _, share in _CLASSES])[0]
    interim = work is WorkClass.PARTIAL
    return replace(
        dice.choice(said),
        id=f"utterance {number}",
        room_id=room,
        speaker_id=f"{room} {dice.randrange(40)}",
        work=work,
        revision=1 if interim else 0,
        ended_by=EndedBy.OPEN if interim else EndedBy.SILENCE,
    )


def _put(queue: LocalQueue, load_: _Load, utterance: Utterance) -> None:
    key = (utterance.id, utterance.revision)
    load_.put[key] = utterance
    load_.put_s[key] = time.monotonic()
    queue.put(utterance)


async def _results(queue: LocalQueue, load_: _Load) -> None:
    async for result in queue.results():
        match result:
            case Transcript(utterance_id=id_, revision=revision):
                load_.waits_s[id_, revision] = time.monotonic() - load_.put_s[id_, revision]
            case Unheard(utterance, reason):
                load_.unheard[reason] += 1
                load_.gaps += not utterance.provisional


async def _wait_for_results(load_: _Load) -> None:
    await _until(lambda: load_.out == 0)


async def _wait_until_calm(queue: LocalQueue) -> float:
    """Return the seconds until the overload ladder is down."""
    began = time.monotonic()
    await _until(lambda: queue.rung is Rung.NONE)
    return time.monotonic() - began


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(_DRAIN_S):
        while not holds():  # noqa: ASYNC110 - the measured queue has no event for it
            await asyncio.sleep(0.005)


def _keep_open_loop(model: str, run: Run, even: _Load, hot: _Load) -> None:
    for work, _ in _CLASSES:
        for share in (0.5, 0.95, 0.99):
            name = f"{model}, at 80 % of capacity, {work}, p{round(100 * share)} of the wait"
            run.keep(Row(name, round(1000 * _rank(even.sorted_waits(work), share)), "ms"))
    quiet, beside = (
        _rank(each.sorted_waits(WorkClass.FINAL, but=_HOT), 0.95) for each in (even, hot)
    )
    name = f"{model}, a room that talks for half of all, p95 of the others' finals"
    run.keep(Row(name, round(beside / quiet, 3), "x", _SLOWER))


async def _overload(
    model: str, queue: LocalQueue, load_: _Load, run: Run, a_second: float, seconds: float
) -> None:
    sent, heard, gaps = len(load_.put), len(load_.waits_s), load_.gaps
    unheard = sum(load_.unheard.values())
    highest = Rung.NONE
    watching = True

    async def watch() -> None:
        nonlocal highest
        while watching:
            highest = max(highest, queue.rung)
            await asyncio.sleep(0.05)

    watcher = asyncio.create_task(watch(), name="bench ladder")
    dice = random.Random(2)
    said = [one.utterance for one in utterances()]
    began, due_s = time.monotonic(), 0.0
    while (due_s := due_s + dice.expovariate(a_second)) < seconds:
        await asyncio.sleep(max(0.0, began + due_s - time.monotonic()))
        room = f"room-{dice.randrange(_ROOMS)}"
        _put(queue, load_, _next(dice, said, room, len(load_.put)))
    ended = time.monotonic()
    await _wait_for_results(load_)
    await _wait_until_calm(queue)
    normal_s = time.monotonic() - ended
    watching = False
    await watcher
    mine = list(load_.put)[sent:]
    waits = [load_.waits_s[key] for key in mine if key in load_.waits_s]
    late = sum(wait > _LATE_S for wait in waits)
    left = sum(load_.unheard.values()) - unheard
    name = f"{model}, at 150 % of capacity"
    run.keep(Row(f"{name}, sent", len(mine), "utterances"))
    run.keep(Row(f"{name}, heard within {_LATE_S:g} s", len(waits) - late, "utterances"))
    run.keep(Row(f"{name}, heard later", late, "utterances"))
    run.keep(Row(f"{name}, gaps", load_.gaps - gaps, "utterances"))
    run.keep(Row(f"{name}, looks left out", left - (load_.gaps - gaps), "looks"))
    missing = len(mine) - (len(load_.waits_s) - heard) - left
    run.keep(Row(f"{name}, unaccounted for", missing, "utterances", 0))
    run.keep(Row(f"{name}, highest rung of the ladder", int(highest), "of 4"))
    run.keep(Row(f"{name}, its end to normal", round(normal_s, 1), "s", _NORMAL_S))


def _rank(values: Sequence[float], share: float) -> float:
    return values[max(0, math.ceil(share * len(values)) - 1)] if values else math.nan
