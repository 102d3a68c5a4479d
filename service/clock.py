"""Wall time. Pure code takes `now` as an argument; only the shell around it reads a clock.

A wall clock may be stepped back. Then later words would have earlier times, and nothing could be
put in order. So the whole process has one clock that never goes back.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, PlainSerializer, WithJsonSchema

Clock = Callable[[], datetime]
"""Function that returns the current time, in UTC."""


_SLEW = 0.1
"""Part of the time by which a clock that is ahead goes slower, until it is right again."""
_AHEAD_S = 0.001
"""Difference that is no step."""


class SteadyClock:
    """Wall clock that never goes back, for all of a process.

    It follows a step forward at once. After a step backward it goes on, ten percent slower, until
    the wall clock has caught up: 10 s take 100 s.

    Args:
        wall_s: Wall time in seconds, which may be stepped.
        pace_s: A clock that is never stepped, in seconds, and goes on while the machine sleeps.
    """

    def __init__(self, wall_s: Callable[[], float], pace_s: Callable[[], float]) -> None:
        self._wall_s = wall_s
        self._pace_s = pace_s
        self._last = (wall_s(), pace_s())  # time shown, and pace then; replaced in one step

    def __call__(self) -> datetime:
        shown_s, before_s = self._last
        wall_s, pace_s = self._wall_s(), self._pace_s()
        passed_s = max(0.0, pace_s - before_s)
        ahead_s = shown_s + passed_s - wall_s
        if ahead_s <= _AHEAD_S:
            shown_s = max(shown_s, wall_s)
        else:
            shown_s += passed_s - min(ahead_s, _SLEW * passed_s)
        self._last = (shown_s, pace_s)
        return datetime.fromtimestamp(shown_s, UTC)


def _boot_s() -> float:
    return time.clock_gettime(_BOOTTIME)


_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

utc_now: Clock = SteadyClock(time.time, _boot_s)
"""Return the time now. It never goes back."""


def iso(moment: datetime) -> str:
    """Return ISO 8601 in UTC with milliseconds, the form of every time in our JSON."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("lies outside of the years 1 to 9999") from None


Moment = Annotated[AwareDatetime, AfterValidator(_utc)]
"""Time in a request, in UTC."""

Timestamp = Annotated[
    datetime,
    PlainSerializer(iso, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]
"""UTC time, which JSON shows in the form of `iso`."""
