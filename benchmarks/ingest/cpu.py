"""Processor time for a second of a track: ours beside stock aiortc, and how many a core hears.

Only this process is measured: the publishers have one of their own. On a machine of few cores they
take theirs from the same, so that what a core could hear is also told by what a track costs.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from benchmarks.asr.progress import Run
from benchmarks.ingest.far_end import FarEnd, far_end
from benchmarks.ingest.material import silent, speaking, voices
from benchmarks.ingest.ours import ours
from benchmarks.ingest.receiver import Receiver
from benchmarks.ingest.script import Script
from benchmarks.ingest.stock import detecting, stock
from benchmarks.rows import Row

STOCK = "aiortc's recv(), PyAV's resampler and webrtcvad"
RATIO_BAR = 0.45
SPEAKING_BAR = 100
SILENT_BAR = 400
_STEPS = 10
"""The most tracks that are tried, in steps of --tracks."""
_SILENT_TIMES = 3
"""More silent tracks than speaking ones are held, for they cost little."""
_WARM_S = 2.0
_FULL = 0.95
"""Of a core."""
_IN_TIME = 0.99
"""So much of what was sent in a time is heard in it."""
_CONNECT_S = 0.3
"""Foreseen for each track."""
_SAMPLE_S = 0.1
"""Between two looks at how late the event loop is: each wakes the process up."""


Open = Callable[[], AbstractAsyncContextManager[Receiver]]


@dataclass(frozen=True, slots=True)
class Cost:
    """A stretch of time on one side.

    Attributes:
        cpu_s: Processor time of this process.
        track_s: Seconds of tracks in it: those that were heard, or where nobody spoke, held.
        arrived: Share of the packets sent that were heard.
        lost: Packets given up.
        late_s: How late the publishers sent their latest packet.
        lag_s: How late the event loop came to what was due, 19 times of 20.
    """

    wall_s: float
    cpu_s: float
    track_s: float
    arrived: float
    lost: int
    late_s: float
    lag_s: float

    @property
    def each_ms(self) -> float:
        return 1000 * self.cpu_s / self.track_s

    @property
    def of_a_core(self) -> float:
        return self.cpu_s / self.wall_s

    @property
    def in_time(self) -> bool:
        return self.arrived >= _IN_TIME and self.lost == 0


def beside(run: Run, *, tracks: int, rounds: int, seconds: float) -> None:
    """Both sides in turn, some rounds, on the same speech."""
    _compare("speaking", run, tracks=tracks, rounds=rounds, seconds=seconds)


def most(run: Run, *, step: int, seconds: float) -> None:
    """More and more speaking tracks, until one core is full or something is late or lost."""
    best, held = asyncio.run(_more_and_more(run, step, seconds))
    bar = SPEAKING_BAR if _STEPS * step >= SPEAKING_BAR else None
    run.keep(Row("speaking tracks heard in real time, none lost", held, "tracks", bar, least=True))
    if best is not None:
        share = round(best.of_a_core, 3)
        run.keep(Row(f"processor time at {held} speaking tracks", share, "of a core"))
        name = f"speaking tracks for a core, by what each costs at {held}"
        run.keep(Row(name, round(1000 / best.each_ms), "tracks", bar, least=True))


async def _more_and_more(run: Run, step: int, seconds: float) -> tuple[Cost | None, int]:
    """The last number of tracks that were all heard in time, and their cost."""
    best: Cost | None = None
    tracks = held = 0
    async with far_end() as end, ours() as side:
        await _learn(end)
        while tracks < _STEPS * step:
            foreseen = _CONNECT_S * step + _WARM_S + seconds
            if not run.enough_for(foreseen, f"{tracks + step} speaking tracks"):
                break
            await _call(end, side, tracks, tracks + step, silence=False)
            tracks += step
            cost = await _measure(end, side, tracks, seconds, silence=False)
            run.say(_told(tracks, cost))
            if not cost.in_time:
                break
            best, held = cost, tracks
            if cost.of_a_core >= _FULL:
                break
    return best, held


def quiet(run: Run, *, tracks: int, rounds: int, seconds: float) -> None:
    """Tracks of people who say nothing, with DTX: a packet every 400 ms."""
    _compare(
        "silent", run, tracks=_SILENT_TIMES * tracks, rounds=rounds, seconds=seconds, silence=True
    )


def _compare(
    kind: str, run: Run, *, tracks: int, rounds: int, seconds: float, silence: bool = False
) -> None:
    sides: dict[str, Open] = {"ours": lambda: ours(), STOCK: lambda: stock(detecting)}
    costs: dict[str, list[Cost]] = {name: [] for name in sides}
    foreseen = len(sides) * (_CONNECT_S * tracks + _WARM_S + seconds)
    for number in range(rounds):
        if not run.enough_for(foreseen, f"round {number + 1} of {tracks} {kind} tracks"):
            break
        for name in list(sides) if number % 2 == 0 else [*sides][::-1]:
            cost = asyncio.run(_cost(sides[name], tracks, seconds, silence=silence))
            run.say(f"{name}: {_told(tracks, cost)}")
            costs[name].append(cost)
    if costs[STOCK]:
        _keep(f"{tracks} {kind} tracks", run, costs, silence=silence)


def _keep(what: str, run: Run, costs: dict[str, list[Cost]], *, silence: bool) -> None:
    own, other = ([cost.each_ms for cost in costs[side]] for side in ("ours", STOCK))
    name, unit = f"{what}, processor time for a second of a track", "ms"
    middle, beside = statistics.median(own), statistics.median(other)
    ratio = round(middle / beside, 3)
    run.keep(Row(name, round(middle, 2), unit, peer=STOCK, ratio=ratio))
    run.keep(Row(f"{name}, {STOCK}", round(beside, 2), unit))
    ratios = [a / b for a, b in zip(own, other, strict=True)]
    run.say(f"{what}: the rounds' ratios are {', '.join(f'{one:.3f}' for one in sorted(ratios))}")
    if silence:
        name = f"{what}, tracks for a core, by what each costs"
        run.keep(Row(name, round(1000 / middle), "tracks", SILENT_BAR, least=True))
        return
    run.keep(Row(f"{what}, ours / {STOCK}", ratio, "x", RATIO_BAR))
    for side, known in costs.items():
        late = sum(1 - cost.arrived for cost in known) / len(known)
        run.keep(Row(f"{what}, not heard in time, {side}", round(100 * max(0.0, late), 2), "%"))


async def _cost(side: Open, tracks: int, seconds: float, *, silence: bool) -> Cost:
    async with far_end() as end, side() as receiver:
        await _learn(end)
        await _call(end, receiver, 0, tracks, silence=silence)
        return await _measure(end, receiver, tracks, seconds, silence=silence)


async def _learn(end: FarEnd) -> None:
    await end.learn("silence", silent())
    for voice in range(voices()):
        await end.learn(f"voice {voice}", speaking(voice))


async def _call(end: FarEnd, side: Receiver, first: int, until: int, *, silence: bool) -> None:
    """Connect these tracks, each at another place between two packets of the others."""

    async def call(number: int) -> None:
        script: Script = silent() if silence else speaking(number % voices())
        spread = (number * 0.618) % 1.0  # evenly, however many there will be
        after_s = spread * (script.seconds if silence else 0.02)
        name = "silence" if silence else f"voice {number % voices()}"
        speaker = f"speaker-{number}"
        await end.call(name, after_s, lambda offer: side.answer(speaker, offer))

    await asyncio.gather(*(call(number) for number in range(first, until)))
    await end.play()
    await asyncio.sleep(_WARM_S)


async def _measure(
    end: FarEnd, side: Receiver, tracks: int, seconds: float, *, silence: bool
) -> Cost:
    lags: list[float] = []
    sampling = asyncio.create_task(_sample_lag(lags), name="bench lag")
    sent, lost = await end.sent(), side.lost()
    heard_s, began, cpu = side.heard_s(), time.monotonic(), time.process_time()
    await asyncio.sleep(seconds)
    wall_s, cpu_s = time.monotonic() - began, time.process_time() - cpu
    heard_s = side.heard_s() - heard_s
    after = await end.sent()
    sampling.cancel()
    await asyncio.wait([sampling])
    sent_s = (after.packets - sent.packets) * 0.02
    return Cost(
        wall_s=wall_s,
        cpu_s=cpu_s,
        track_s=tracks * wall_s if silence else heard_s,
        arrived=heard_s / sent_s if sent_s else 0.0,
        lost=side.lost() - lost,
        late_s=after.late_s,
        lag_s=statistics.quantiles(lags, n=20)[-1] if len(lags) > 1 else 0.0,
    )


async def _sample_lag(lags: list[float]) -> None:
    while True:
        due = time.monotonic() + _SAMPLE_S
        await asyncio.sleep(_SAMPLE_S)
        lags.append(time.monotonic() - due)


def _told(tracks: int, cost: Cost) -> str:
    return (
        f"{tracks} tracks: {cost.each_ms:.2f} ms a second of a track, {cost.of_a_core:.2f} of a "
        f"core, {100 * cost.arrived:.1f} % heard in time, {cost.lost} lost; loop late by "
        f"{1000 * cost.lag_s:.0f} ms, publishers by {1000 * cost.late_s:.0f} ms at most"
    )
