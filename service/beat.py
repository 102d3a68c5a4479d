"""Common beat for periodic work, so that the process wakes up once for all of it.

Waking up costs more than most of this work: the processor has slept and its caches are cold. With
a schedule of its own for each task, a server with twenty tracks would wake up hundreds of times a
second.
"""

from __future__ import annotations

import math

BEAT_S = 0.02
"""Time between beats: the length of most Opus frames (RFC 7587), so one beat for each packet."""


def next_beat(now_s: float, after_s: float = 0.0) -> float:
    """Return the time to wake up, on the event loop's clock.

    Args:
        after_s: Wanted wait, in seconds, rounded to the nearest beat; at least the next beat.
    """
    return BEAT_S * max(math.floor(now_s / BEAT_S + 0.25) + 1, round((now_s + after_s) / BEAT_S))


def until_beat(now_s: float, after_s: float = 0.0) -> float:
    """Return the seconds until `next_beat`, for `asyncio.sleep`.

    A timer that fires a moment early does not cause a second beat.
    """
    return next_beat(now_s, after_s) - now_s
