"""Monotonic clock that does not count the time in which this process stood still.

What waited meanwhile is not late, and a batch that was stopped in the middle is not slow.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

LONGEST_S = 2.0
"""Longest time between two readings that counts as it is."""


class AwakeClock:
    """Call it for the time in seconds, at least every second: from any thread.

    Args:
        now_s: Monotonic clock that counts all time.
    """

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._lock = threading.Lock()
        self._before_s = self._awake_s = now_s()

    def __call__(self) -> float:
        with self._lock:
            now_s = self._now_s()
            self._awake_s += min(now_s - self._before_s, LONGEST_S)
            self._before_s = now_s
            return self._awake_s
