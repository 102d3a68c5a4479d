"""Waits between attempts."""

from __future__ import annotations

import random
from collections.abc import Sequence


class Backoff:
    """Waits that grow with each failed attempt in a row. The last wait repeats.

    Args:
        waits_s: Waits, in seconds. Each is varied by up to a fifth, so that clients of a server
            that comes back do not call it all at once.
    """

    def __init__(self, waits_s: Sequence[float]) -> None:
        self._waits_s = waits_s
        self._failed = 0

    def next_wait_s(self) -> float:
        """Count a failed attempt; return the seconds to wait before the next one."""
        wait_s = self._waits_s[min(self._failed, len(self._waits_s) - 1)]
        self._failed += 1
        return wait_s * random.uniform(0.8, 1.2)

    def reset(self) -> None:
        """Begin again with the shortest wait: an attempt succeeded."""
        self._failed = 0
