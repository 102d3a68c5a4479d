"""Processor time of a track, compared with stock aiortc, and the tracks that a core can decode.

Only this process is measured: the publishers run in another. On a machine of few cores both share
the cores, so the capacity of a core is also computed from the cost of a track.
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
from benchmarks.ingest.stock import detect_speech, stock
from benchmarks.rows import Row

STOCK = "aiortc's recv(), PyAV's resampler and webrtcvad"
RATIO_BAR = 0.45
SPEAKING_BAR = 100
SILENT_BAR = 400
_STEPS = 10
"""Most steps of --tracks that are tried."""
_SILENT_TIMES = 3
"""Silent tracks per speaking track: silent ones cost little."""
_WARM_S = 2.0
_FULL = 0.95
"""Share of a core at which it counts as full."""
_IN_TIME = 0.99
"""Least share of the packets sent that must be decoded within the same time."""
_CONNECT_S = 0.3
"""Time to expect for connecting a track."""
_SAMPLE_S = 0.1
"""Time between two samples of the event loop's delay: each sample wakes the process."""


Open = Callable[[], AbstractAsyncContextManager[Receiver]]


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost of one side over a stretch of time.

    Attributes:
        wall_s: Length of the stretch.
        cpu_s: Processor time of this process.
        track_s: Seconds of sound decoded; for silent tracks, seconds connected. All tracks.
        arrived: Share of the packets sent that were decoded.
        lost: Packets given up.
        late_s: Greatest delay of a packet at the publishers.
        lag_s: Delay of the event loop, 95th percentile.
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


def compare_speaking(run: Run, *, tracks: int, rounds: int, seconds: float) -> None:
    """Measure both sides in turn on the same speech."""
    _compare("speaking", run, tracks=tracks, rounds=rounds, seconds=seconds)


def find_capacity(run: Run, *, step: int, seconds: float) -> None:
    """Add speaking tracks until a core is full, or a packet is late or lost."""
    best, held = asyncio.run(_add_tracks(run, step, seconds))
    bar = SPEAKING_BAR if _STEPS * step >= SPEAKING_BAR else None
    run.keep(Row("speaking tracks heard in real time, none lost", held, "tracks", bar, least=True))
    if best is not None:
        share = round(best.of_a_core, 3)
        run.keep(Row(f"processor time at {held} speaking tracks", share, "of a core"))
        name = f"speaking tracks for a core, by what each costs at {held}"
        run.keep(Row(name, round(1000 / best.each_ms), "tracks", bar, least=True))


async def _add_tracks(run: Run, step: int, seconds: float) -> tuple[Cost | None, int]:
    """Return the cost of the most tracks that were all decoded in time, and their number."""
    best: Cost | None = None
    tracks = held = 0
    async with far_end() as end, ours() as side:
        await _load_scripts(end)
        while tracks < _STEPS * step:
            expected_s = _CONNECT_S * step + _WARM_S + seconds
            if not run.enough_for(expected_s, f"{tracks + step} speaking tracks"):
                break
            await _call(end, side, tracks, tracks + step, silence=False)
            tracks += step
            cost = await _measure(end, side, tracks, seconds, silence=False)
            run.say(_cost_line(tracks, cost))
            if not cost.in_time:
                break
            best, held = cost, tracks
            if cost.of_a_core >= _FULL:
                break
    return best, held


def compare_silent(run: Run, *, tracks: int, rounds: int, seconds: float) -> None:
    """Measure both sides on silent tracks with DTX: a packet every 400 ms."""
    _compare(
        "silent", run, tracks=_SILENT_TIMES * tracks, rounds=rounds, seconds=seconds, silence=True
    )


def _compare(
    kind: str, run: Run, *, tracks: int, rounds: int, seconds: float, silence: bool = False
) -> None:
    sides: dict[str, Open] = {"ours": lambda: ours(), STOCK: lambda: stock(detect_speech)}
    costs: dict[str, list[Cost]] = {name: [] for name in sides}
    expected_s = len(sides) * (_CONNECT_S * tracks + _WARM_S + seconds)
    for number in range(rounds):
        if not run.enough_for(expected_s, f"round {number + 1} of {tracks} {kind} tracks"):
            break
        for name in list(sides) if number % 2 == 0 else [*sides][::-1]:
            cost = asyncio.run(_cost(sides[name], tracks, seconds, silence=silence))
            run.say(f"{name}: {_cost_line(tracks, cost)}")
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
        await _load_scripts(end)
        await _call(end, receiver, 0, tracks, silence=silence)
        return await _measure(end, receiver, tracks, seconds, silence=silence)


async def _load_scripts(end: FarEnd) -> None:
    await end.load_script("silence", silent())
    for voice in range(voices()):
        await end.load_script(f"voice {voice}", speaking(voice))


async def _call(end: FarEnd, side: Receiver, first: int, until: int, *, silence: bool) -> None:
    """Connect the tracks, their packets spread evenly in time."""

    async def call(number: int) -> None:
        script: Script = silent() if silence else speaking(number % voices())
        spread = (number * 0.618) % 1.0  # the golden ratio spreads any number evenly
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


def _cost_line(tracks: int, cost: Cost) -> str:
    return (
        f"{tracks} tracks: {cost.each_ms:.2f} ms a second of a track, {cost.of_a_core:.2f} of a "
        f"core, {100 * cost.arrived:.1f} % heard in time, {cost.lost} lost; loop late by "
        f"{1000 * cost.lag_s:.0f} ms, publishers by {1000 * cost.late_s:.0f} ms at most"
    )
