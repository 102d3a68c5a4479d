"""A model of a real shape on this machine: throughput by batch size, then streams by latency."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from asr.limits import LONGEST_UTTERANCE_S
from asr.models import ModelUnavailable
from asr.shapes import TOKENS, Shape, build
from asr.transcriber import TranscriptionFailed
from benchmarks.asr.engine import (
    FRAMES_A_SECOND,
    Engine,
    Features,
    OutOfMemory,
    Placement,
    feature_maker,
    has_features,
    random_windows,
    refuse_missing,
)
from benchmarks.asr.lanes import FEWEST_RUNS, measure_rate
from benchmarks.asr.product import product_rate
from benchmarks.asr.progress import Run
from benchmarks.asr.streams import Waits, arrivals, run_streams
from benchmarks.rows import Row
from service.errors import Failed

BATCHES = (1, 2, 4, 8, 16, 32)
_NO_GAIN = 0.8
_SPEAKING = 250
_SHARES = (0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_STREAMS_S = 8.0
_FAST_S, _SOON_S = 0.3, 1.0
_UTTERANCES_BAR = 100.0
_BARRED = "large-v3-turbo"


@dataclass(frozen=True, slots=True)
class Plan:
    """A measurement.

    Attributes:
        quantization: Type of the weights in the model's file.
        window_s: Length of the window, in seconds.
        seconds: Time for each batch size and each number of streams.
        most: Most utterances in a batch of streams.
        directory: Folder in which the model is kept; None: a temporary one.
    """

    shape: Shape
    placement: Placement
    quantization: str
    window_s: float
    seconds: float
    most: int
    directory: Path | None

    @property
    def frames(self) -> int:
        return round(FRAMES_A_SECOND * self.window_s)

    @property
    def whole(self) -> bool:
        """Whether windows are as long as the server's for a model that declares no others."""
        return self.window_s == LONGEST_UTTERANCE_S


def measure(plan: Plan, run: Run) -> None:
    """Measure and keep the rows in `run`.

    Raises:
        Failed: The device cannot be used.
    """
    refuse_missing(plan.placement.device)
    with _model(plan, run) as directory:
        began = time.monotonic()
        try:
            engine = Engine(plan.shape, directory, plan.placement)
            tokens = engine.run(random_windows(plan.shape, 1, plan.frames))
        except OutOfMemory as error:
            raise Failed(
                f"{plan.shape.name} as {plan.placement.compute_type} does not fit this device's "
                "memory; try a smaller --shape or another --compute-type"
            ) from error
        run.say(
            f"loaded and warm in {time.monotonic() - began:.1f} s: {plan.placement.device}, "
            f"{engine.compute_type}, beam {plan.placement.beam_size}, {tokens[0]} tokens an "
            f"utterance (about 5 s of English speech)"
        )
        if not has_features():
            run.say("no faster-whisper here: features are not computed, a fixed window is used")
        rate, size = _throughput(plan, run, engine)
        if size:
            _streams(plan, run, engine, rate)
            if plan.whole:
                _product(plan, run, directory, size)


@contextmanager
def _model(plan: Plan, run: Run) -> Iterator[Path]:
    """Yield the model's directory. In a folder of the user's it is built only once."""
    name = f"random-{plan.shape.name}-{plan.quantization}-{TOKENS}"
    with tempfile.TemporaryDirectory(prefix="earshot-bench-") as temporary:
        directory = (plan.directory or Path(temporary)) / name
        if not (directory / "preprocessor_config.json").is_file():
            run.say(f"building {plan.shape.name} with random weights, {plan.quantization}")
            build(plan.shape, directory, quantization=plan.quantization)
            run.say("built")
        yield directory


def _throughput(plan: Plan, run: Run, engine: Engine) -> tuple[float, int]:
    """Return utterances per second at the best batch size, and that size; zeros if none fits."""
    best = (0.0, 0)  # rate, size
    for size in BATCHES:
        once = plan.placement.lanes * size / best[0] if best[1] else 0.0
        needed = max(3 * plan.seconds, (FEWEST_RUNS + 1) * once)
        if not run.enough_for(needed + _reserve_for_streams(plan, run), f"batch of {size}"):
            break
        windows = random_windows(plan.shape, size, plan.frames)
        try:
            rate, cpu = _rate(engine.run, windows, plan.seconds, engine.lanes)
            encoding, _ = _rate(engine.encode, windows, plan.seconds / 2, engine.lanes)
        except OutOfMemory:
            run.say(f"batch of {size}: out of the device's memory, larger ones are not tried")
            break
        run.keep(Row(f"{_name(plan)}, batch of {size}", round(rate, 2), "utterances/s"))
        name = f"{_name(plan)}, batch of {size}, the encoder alone"
        run.keep(Row(name, round(encoding, 2), "utterances/s"))
        if plan.placement.device == "cpu":
            name = f"{_name(plan)}, batch of {size}, for a second of processor time"
            run.keep(Row(name, round(cpu, 3), "utterances"))
        if rate < _NO_GAIN * best[0]:
            run.say(f"batch of {size} is slower: larger ones are not tried")
            break
        best = max(best, (rate, size))
    if best[1]:
        name = f"{_name(plan)}, best batch ({best[1]})"
        run.keep(Row(name, round(best[0], 2), "utterances/s", _bar(plan), least=True))
    return best


def _rate(
    work: Callable[[Features], object], windows: Features, seconds: float, lanes: int
) -> tuple[float, float]:
    return measure_rate(lambda: work(windows), len(windows), seconds=seconds, lanes=lanes)


def _reserve_for_streams(plan: Plan, run: Run) -> float:
    """Return the seconds reserved for the streams: half of the time, or as much as they need."""
    return min(run.limit_s / 2, len(_SHARES) * (max(plan.seconds, _STREAMS_S) + 1))


def _streams(plan: Plan, run: Run, engine: Engine, best: float) -> None:
    """Measure 250 speaking streams if the device may keep up, then shares of its capacity."""
    period = _period_s()
    capacity = best * period
    run.say(f"a stream speaks an utterance every {period:.2f} s: at most {capacity:.0f} streams")
    counts = {max(1, int(share * capacity)) for share in _SHARES}
    if capacity > _SPEAKING / 2:
        counts.add(_SPEAKING)
    measured: list[Waits] = []
    for count in sorted(counts, key=lambda count: (count != _SPEAKING, count)):
        if not run.enough_for(max(plan.seconds, _STREAMS_S) + 5, f"{count} streams"):
            break
        waits = _measure_streams(plan, run, engine, count)
        if waits is not None:
            measured.append(waits)
    for bar in (_FAST_S, _SOON_S):
        held = max((one.streams for one in measured if one.at(0.95) <= bar), default=0)
        name = f"{_name(plan)}, speaking streams at p95 <= {bar:g} s"
        run.keep(Row(name, held, "streams"))


def _measure_streams(plan: Plan, run: Run, engine: Engine, count: int) -> Waits | None:
    features = feature_maker(plan.shape, plan.frames)
    seconds = max(plan.seconds, _STREAMS_S)
    try:
        waits = run_streams(engine, features, count, seconds=seconds, most=plan.most)
    except OutOfMemory:
        run.say(f"{count} streams: out of the device's memory; give a smaller --max-batch")
        return None
    if not waits.seconds:
        run.say(f"{count} streams: nothing was heard in time")
        return waits
    if waits.unheard:
        run.say(f"{count} streams: {waits.unheard} utterances were not heard in time")
    for share in (0.5, 0.95, 0.99):
        if not np.isfinite(waits.at(share)):
            break
        percentile = f"p{round(100 * share)}"
        name = f"{_name(plan)}, {count} speaking streams, end of speech to transcript, {percentile}"
        barred = share == 0.95 and count == _SPEAKING and _bar(plan) is not None
        run.keep(Row(name, round(1000 * waits.at(share)), "ms", 1000 * _FAST_S if barred else None))
    run.say(f"{count} streams: {waits.mean_batch:.1f} utterances in a batch in the mean")
    return waits


def _product(plan: Plan, run: Run, directory: Path, batch: int) -> None:
    if not run.enough_for(2 * plan.seconds + 5, "the server's transcriber"):
        return
    try:
        rate = product_rate(directory, plan.placement, batch=batch, seconds=plan.seconds)
    except (ModelUnavailable, TranscriptionFailed) as error:
        run.say(f"not measured: the server's transcriber: {error}")
        return
    if rate is not None:
        name = f"{_name(plan)}, the server's transcriber, features included, batch of {batch}"
        run.keep(Row(name, round(rate, 2), "utterances/s"))


def _period_s() -> float:
    many = arrivals(200, 60.0)
    return 200 * 60.0 / len(many)


def _name(plan: Plan) -> str:
    place = plan.placement
    name = f"{plan.shape.name}, {place.device} {place.compute_type}, beam {place.beam_size}"
    if place.lanes > 1:
        name += f", {place.lanes} lanes"
    return name if plan.whole else f"{name}, windows of {plan.window_s:g} s"


def _bar(plan: Plan) -> float | None:
    """Return the rate that the large models must reach on a GPU; None: no bar."""
    barred = plan.shape.name == _BARRED and plan.placement.device == "cuda" and plan.whole
    return _UTTERANCES_BAR if barred else None


def default_threads() -> int:
    return min(4, os.cpu_count() or 1)
