"""Speaking streams beside each other in real time, and how long their utterances wait.

Every stream speaks (log-normal, about 4 s in the mean, 0.6 s to 15 s) and pauses for 0.6 s, for
ever: a room full of people who never let go of the word. An utterance arrives when it ends,
whatever the model is doing; the model takes all that waits, up to `most`, whenever it is free.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from benchmarks.asr.engine import SAMPLE_RATE, Engine, Features

PAUSE_S = 0.6
_SHORTEST_S, _LONGEST_S = 0.6, 15.0
_WARM_UP_S = 2.0
_PATIENCE_S = 4.0
_FEATURE_THREADS = 4


@dataclass(frozen=True, slots=True)
class Arrival:
    at_s: float
    spoken_s: float


@dataclass(frozen=True, slots=True)
class Waits:
    """Seconds from the end of each utterance to its transcript, sorted; of the arrived."""

    streams: int
    seconds: tuple[float, ...]
    unheard: int
    mean_batch: float

    def at(self, share: float) -> float:
        """The percentile; what was given up on counts as longer than all that was heard."""
        position = int(share * (len(self.seconds) + self.unheard))
        return self.seconds[position] if position < len(self.seconds) else float("inf")


def arrivals(streams: int, seconds: float, seed: int = 0) -> list[Arrival]:
    random = np.random.default_rng(seed)
    found: list[Arrival] = []
    for _ in range(streams):
        at = -float(random.uniform(0.0, 8.0))
        while at < seconds:
            spoken = float(random.lognormal(np.log(4.0) - 0.32, 0.8))
            spoken = min(_LONGEST_S, max(_SHORTEST_S, spoken))
            at += spoken
            if 0.0 <= at < seconds:
                found.append(Arrival(at, spoken))
            at += PAUSE_S
    return sorted(found, key=lambda arrival: arrival.at_s)


class _Line:
    """What waits for the model."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[tuple[float, Features]] = deque()
        self._open = True

    def put(self, due: float, features: Features) -> None:
        with self._changed:
            self._waiting.append((due, features))
            self._changed.notify()

    def take(self, most: int) -> list[tuple[float, Features]]:
        with self._changed:
            while self._open and not self._waiting:
                self._changed.wait()
            return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]

    def end(self) -> None:
        """What still waits is given up on."""
        with self._changed:
            self._open = False
            self._waiting.clear()
            self._changed.notify_all()


class _Model(threading.Thread):
    """A lane of the engine: takes what waits whenever it is free."""

    def __init__(self, engine: Engine, line: _Line, most: int) -> None:
        super().__init__(name="bench-model")
        self._engine = engine
        self._line = line
        self._most = most
        self.waits: list[tuple[float, float]] = []
        """When each utterance ended, and how long it waited."""
        self.batches: list[int] = []
        self.trouble: Exception | None = None

    def run(self) -> None:
        try:
            while batch := self._line.take(self._most):
                self._engine.run(np.stack([window for _, window in batch]))
                now = time.monotonic()
                self.waits.extend((due, now - due) for due, _ in batch)
                self.batches.append(len(batch))
        except Exception as error:  # noqa: BLE001 - raised again in the caller's thread
            self.trouble = error


def listen(
    engine: Engine,
    features: Callable[[Features], Features],
    streams: int,
    *,
    seconds: float,
    most: int,
) -> Waits:
    """Real time: takes `seconds`, and as long again as the last utterances wait, 4 s at most.

    Raises:
        Failed, OutOfMemory: what the engine raised.
    """
    line = _Line()
    lanes = [_Model(engine, line, most) for _ in range(engine.lanes)]
    coming = arrivals(streams, seconds)
    for lane in lanes:
        lane.start()
    began = time.monotonic()
    _speak(coming, began, features, line, lanes)
    until = time.monotonic() + _PATIENCE_S
    while _heard(lanes) < len(coming) and not _trouble(lanes) and time.monotonic() < until:
        time.sleep(0.02)
    line.end()
    for lane in lanes:
        lane.join()
    for trouble in _trouble(lanes):
        raise trouble
    waits = [wait for lane in lanes for wait in lane.waits]
    heard = sorted(wait for due, wait in waits if due - began >= _WARM_UP_S)
    counted = sum(1 for arrival in coming if arrival.at_s >= _WARM_UP_S)
    batches = [batch for lane in lanes for batch in lane.batches]
    mean = float(np.mean(batches)) if batches else 0.0
    return Waits(streams, tuple(heard), max(0, counted - len(heard)), mean)


def _speak(
    coming: Sequence[Arrival],
    began: float,
    features: Callable[[Features], Features],
    line: _Line,
    lanes: Sequence[_Model],
) -> None:
    """Every utterance at its time; features are computed on threads beside the model's."""
    samples = int(_LONGEST_S * SAMPLE_RATE) + 1
    noise = np.random.default_rng(1).standard_normal(samples, dtype=np.float32)

    def hear(due: float, spoken_s: float) -> None:
        line.put(due, features(noise[: int(spoken_s * SAMPLE_RATE)]))

    with ThreadPoolExecutor(_FEATURE_THREADS, "bench-features") as pool:
        for arrival in coming:
            due = began + arrival.at_s
            time.sleep(max(0.0, due - time.monotonic()))
            pool.submit(hear, due, arrival.spoken_s)
            if _trouble(lanes):
                break


def _heard(lanes: Sequence[_Model]) -> int:
    return sum(len(lane.waits) for lane in lanes)


def _trouble(lanes: Sequence[_Model]) -> list[Exception]:
    return [lane.trouble for lane in lanes if lane.trouble is not None]
