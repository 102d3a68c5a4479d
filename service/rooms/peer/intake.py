"""Which packets of a track are taken. Pure: time comes in as monotonic seconds.

What a hostile or broken publisher sends costs everybody, so that what no publisher needs is passed
over and counted. The bounds are far from what browsers do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from enum import StrEnum

CLOCK_HZ = 48_000
"""RTP's clock for Opus (RFC 7587)."""
MOST_PER_S = 250.0
"""Opus packets of 20 ms are 50 a second, those of 5 ms are 200."""
BURST = 500
"""What a network may hold back, and then bring at once: ten seconds of packets of 20 ms."""
MOST_SOURCES = 16
"""SSRCs in a session. A publisher has one, and another after a restart; aiortc and libsrtp keep
something of each for as long as the session lasts."""
_AHEAD_S = 3.0
"""Media time may run ahead of the wall clock by so much, as after an outage; more is a jump."""
_BEHIND_S = -10.0
JUMPS_PER_S = 2.0
JUMPS_BURST = 10
"""Each jump can make an ear play through two seconds of silence."""
_WRAP = 1 << 32


class Unfit(StrEnum):
    """Why a packet was not taken."""

    MALFORMED = "malformed"
    STRAY = "stray"
    """Of a payload type, or of a line, that was not agreed on."""
    RATE = "rate"
    CLOCK = "clock"
    SOURCES = "sources"


class Bucket:
    """A token bucket, full at first."""

    def __init__(self, per_s: float, burst: float) -> None:
        self._per_s = per_s
        self._burst = burst
        self._left = burst
        self._at_s = 0.0

    def take(self, now_s: float) -> bool:
        self._left = min(self._burst, self._left + (now_s - self._at_s) * self._per_s)
        self._at_s = now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Intake:
    """One track's.

    Args:
        on_unfit: Called with each packet that is not taken.
        most_sources: SSRCs that are taken in all; None: any number, where the offer names them.
    """

    def __init__(
        self,
        on_unfit: Callable[[Unfit], None] = lambda why: None,
        *,
        most_sources: int | None = MOST_SOURCES,
    ) -> None:
        self._on_unfit = on_unfit
        self._most_sources = most_sources
        self._rate = Bucket(MOST_PER_S, BURST)
        self._jumps = Bucket(JUMPS_PER_S, JUMPS_BURST)
        self._sources: set[int] = set()
        self._ssrc: int | None = None
        self._timestamp = 0
        self._ahead_s = 0.0
        self.taken_s: float | None = None
        """When the last packet was taken."""
        self.unfit: Counter[Unfit] = Counter()

    def takes(self, ssrc: int, timestamp: int, now_s: float) -> bool:
        """Whether this packet may pass; time never goes back."""
        if not self._rate.take(now_s):
            return self.refuse(Unfit.RATE)
        if ssrc == self._ssrc:
            step = (timestamp - self._timestamp) % _WRAP
            step = step if step < _WRAP // 2 else step - _WRAP
            passed_s = now_s - (self.taken_s or now_s)
            ahead_s = max(_BEHIND_S, self._ahead_s + step / CLOCK_HZ - passed_s)
            if ahead_s > _AHEAD_S:
                if not self._jumps.take(now_s):
                    return self.refuse(Unfit.CLOCK)
                ahead_s = 0.0
            self._ahead_s = ahead_s
        elif not self._changes_to(ssrc, now_s):
            return False
        self._timestamp = timestamp
        self.taken_s = now_s
        return True

    def refuse(self, why: Unfit) -> bool:
        """Count a packet that is not taken; False."""
        self.unfit[why] += 1
        self._on_unfit(why)
        return False

    def _changes_to(self, ssrc: int, now_s: float) -> bool:
        """Another source begins, with a clock of its own."""
        if ssrc not in self._sources:
            if self._most_sources is not None and len(self._sources) >= self._most_sources:
                return self.refuse(Unfit.SOURCES)
            if self._most_sources is not None:
                self._sources.add(ssrc)
        if self._ssrc is not None and not self._jumps.take(now_s):
            return self.refuse(Unfit.CLOCK)
        self._ssrc, self._ahead_s = ssrc, 0.0
        return True
