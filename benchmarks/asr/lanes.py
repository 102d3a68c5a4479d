"""Throughput of a model that is busy on all its lanes."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

FEWEST_RUNS = 2


def measure_rate(
    work: Callable[[], object], utterances: int, *, seconds: float, lanes: int
) -> tuple[float, float]:
    """Return utterances per second, and per second of processor time, after a warm-up.

    Args:
        utterances: Utterances in each call of `work`.
    """

    def lane(until: float) -> int:
        count = 0
        while count < FEWEST_RUNS or time.monotonic() < until:
            work()
            count += 1
        return count

    with ThreadPoolExecutor(lanes, "bench-lane") as threads:
        list(threads.map(lambda _: work(), range(lanes)))
        began, spent = time.monotonic(), time.process_time()
        count = sum(threads.map(lane, [began + seconds] * lanes))
        took, cost = time.monotonic() - began, time.process_time() - spent
    return count * utterances / took, count * utterances / max(1e-9, cost)
