"""When what is done again and again is done: together, so that the process wakes up once for all.

To wake up costs more than most of what is done then: the processor has slept, and its caches are
cold. Tasks that look at something now and then, each at times of its own, would wake a server of
twenty tracks hundreds of times a second.
"""

from __future__ import annotations

import math

BEAT_S = 0.02
"""The length of most Opus frames (RFC 7587): as often as every track sends a packet."""


def next_beat(now_s: float, after_s: float = 0.0) -> float:
    """When to wake up, on the event loop's clock.

    Args:
        after_s: From now, to the nearest beat; the next one at the soonest.
    """
    return BEAT_S * max(math.floor(now_s / BEAT_S + 0.25) + 1, round((now_s + after_s) / BEAT_S))


def until_beat(now_s: float, after_s: float = 0.0) -> float:
    """The same in seconds from now, for `asyncio.sleep`. A timer may ring a moment early: that is
    no reason to ring again."""
    return next_beat(now_s, after_s) - now_s
