"""Admission of a track's packets. Pure: time comes in as monotonic seconds.

Packets of a hostile or broken publisher cost everybody. So packets that no working publisher sends
are discarded and counted. The bounds are far from what browsers do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from enum import StrEnum

CLOCK_HZ = 48_000
"""Rate of RTP timestamps of Opus (RFC 7587)."""
MOST_PER_S = 250.0
"""Most packets per second. Opus sends 50 packets of 20 ms, or 200 of 5 ms."""
BURST = 500
"""Most packets at once, as after a network's delay: ten seconds of packets of 20 ms."""
MOST_SOURCES = 16
"""Most SSRCs in a session. A publisher has one, and another after a restart. aiortc and libsrtp
keep state for each until the session ends."""
_AHEAD_S = 3.0
"""Most seconds that media time may run ahead of the wall clock, as after an outage. More is a
jump."""
_BEHIND_S = -10.0
JUMPS_PER_S = 2.0
JUMPS_BURST = 10
"""Bounds of jumps of the clock. Each can make an ear play through two seconds of silence."""
_WRAP = 1 << 32


class Unfit(StrEnum):
    """Reason why a packet was not admitted."""

    MALFORMED = "malformed"
    STRAY = "stray"
    """Its payload type or its line was not agreed on."""
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

    def spend_token(self, now_s: float) -> bool:
        """Spend one token; False where none is left."""
        self._left = min(self._burst, self._left + (now_s - self._at_s) * self._per_s)
        self._at_s = now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Intake:
    """Admission of one track's packets.

    Attributes:
        admitted_s: Time of the last admitted packet.
        unfit: Number of packets that were not admitted, by reason.

    Args:
        on_unfit: Called with the reason for each packet that is not admitted.
        most_sources: Most SSRCs in all; None: any number, where the offer names them.
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
        self.admitted_s: float | None = None
        self.unfit: Counter[Unfit] = Counter()

    def admit(self, ssrc: int, timestamp: int, now_s: float) -> bool:
        """Tell whether a packet may pass; otherwise count it. `now_s` never goes back."""
        if not self._rate.spend_token(now_s):
            return self.refuse(Unfit.RATE)
        if ssrc == self._ssrc:
            step = (timestamp - self._timestamp) % _WRAP
            step = step if step < _WRAP // 2 else step - _WRAP
            passed_s = now_s - (self.admitted_s or now_s)
            ahead_s = max(_BEHIND_S, self._ahead_s + step / CLOCK_HZ - passed_s)
            if ahead_s > _AHEAD_S:
                if not self._jumps.spend_token(now_s):
                    return self.refuse(Unfit.CLOCK)
                ahead_s = 0.0
            self._ahead_s = ahead_s
        elif not self._admit_source(ssrc, now_s):
            return False
        self._timestamp = timestamp
        self.admitted_s = now_s
        return True

    def refuse(self, why: Unfit) -> bool:
        """Count a packet that is not admitted, and return False."""
        self.unfit[why] += 1
        self._on_unfit(why)
        return False

    def _admit_source(self, ssrc: int, now_s: float) -> bool:
        """Tell whether the track may change to another source, which has a clock of its own."""
        if ssrc not in self._sources:
            if self._most_sources is not None and len(self._sources) >= self._most_sources:
                return self.refuse(Unfit.SOURCES)
            if self._most_sources is not None:
                self._sources.add(ssrc)
        if self._ssrc is not None and not self._jumps.spend_token(now_s):
            return self.refuse(Unfit.CLOCK)
        self._ssrc, self._ahead_s = ssrc, 0.0
        return True
