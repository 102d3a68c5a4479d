"""Speaking streams in real time, and the waits of their utterances.

Each stream speaks (log-normal, 4 s on average, 0.6 s to 15 s), pauses for 0.6 s, and so on without
end: a room full of people who all talk. An utterance arrives when it ends, also while the model is
busy. Whenever the model is free, it gets all that waits, up to `most`.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from asr.speech import SAMPLE_RATE
from benchmarks.asr.engine import Engine, Features

PAUSE_S = 0.6
_SHORTEST_S, _LONGEST_S = 0.6, 15.0
_WARM_UP_S = 2.0
_PATIENCE_S = 4.0
_FEATURE_THREADS = 4


@dataclass(frozen=True, slots=True)
class Arrival:
    """End of an utterance, and its length, in seconds."""

    at_s: float
    spoken_s: float


@dataclass(frozen=True, slots=True)
class Waits:
    """Seconds from the end of each utterance to its transcript, sorted.

    Attributes:
        unheard: Utterances that were not transcribed in time.
    """

    streams: int
    seconds: tuple[float, ...]
    unheard: int
    mean_batch: float

    def at(self, share: float) -> float:
        """Return a percentile. An utterance that was not transcribed counts as the longest wait."""
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


class _Backlog:
    """Utterances that wait for the model."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[tuple[float, Features]] = deque()
        self._open = True

    def put(self, due: float, features: Features) -> None:
        with self._changed:
            self._waiting.append((due, features))
            self._changed.notify()

    def pop_batch(self, most: int) -> list[tuple[float, Features]]:
        with self._changed:
            while self._open and not self._waiting:
                self._changed.wait()
            return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]

    def close(self) -> None:
        """Drop what still waits and end the lanes."""
        with self._changed:
            self._open = False
            self._waiting.clear()
            self._changed.notify_all()


class _Model(threading.Thread):
    """A lane of the engine. Whenever it is free, it takes the next batch."""

    def __init__(self, engine: Engine, backlog: _Backlog, most: int) -> None:
        super().__init__(name="bench-model")
        self._engine = engine
        self._backlog = backlog
        self._most = most
        self.waits: list[tuple[float, float]] = []
        """End and wait of each utterance, in seconds."""
        self.batches: list[int] = []
        self.failure: Exception | None = None

    def run(self) -> None:
        try:
            while batch := self._backlog.pop_batch(self._most):
                self._engine.run(np.stack([window for _, window in batch]))
                now = time.monotonic()
                self.waits.extend((due, now - due) for due, _ in batch)
                self.batches.append(len(batch))
        except Exception as error:  # noqa: BLE001 - raised again in the caller's thread
            self.failure = error


def run_streams(
    engine: Engine,
    features: Callable[[Features], Features],
    streams: int,
    *,
    seconds: float,
    most: int,
) -> Waits:
    """Run streams in real time, for `seconds` and up to 4 s more for the last utterances.

    Raises:
        Failed: The engine failed.
        OutOfMemory: The engine ran out of memory.
    """
    backlog = _Backlog()
    lanes = [_Model(engine, backlog, most) for _ in range(engine.lanes)]
    coming = arrivals(streams, seconds)
    for lane in lanes:
        lane.start()
    began = time.monotonic()
    _speak(coming, began, features, backlog, lanes)
    until = time.monotonic() + _PATIENCE_S
    while (
        _count_transcribed(lanes) < len(coming)
        and not _failures(lanes)
        and time.monotonic() < until
    ):
        time.sleep(0.02)
    backlog.close()
    for lane in lanes:
        lane.join()
    for failure in _failures(lanes):
        raise failure
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
    backlog: _Backlog,
    lanes: Sequence[_Model],
) -> None:
    """Put each utterance at its time. Features are computed on other threads than the model's."""
    samples = int(_LONGEST_S * SAMPLE_RATE) + 1
    noise = np.random.default_rng(1).standard_normal(samples, dtype=np.float32)

    def put(due: float, spoken_s: float) -> None:
        backlog.put(due, features(noise[: int(spoken_s * SAMPLE_RATE)]))

    with ThreadPoolExecutor(_FEATURE_THREADS, "bench-features") as pool:
        for arrival in coming:
            due = began + arrival.at_s
            time.sleep(max(0.0, due - time.monotonic()))
            pool.submit(put, due, arrival.spoken_s)
            if _failures(lanes):
                break


def _count_transcribed(lanes: Sequence[_Model]) -> int:
    return sum(len(lane.waits) for lane in lanes)


def _failures(lanes: Sequence[_Model]) -> list[Exception]:
    return [lane.failure for lane in lanes if lane.failure is not None]
