"""Outages of this process itself, and the speakers who left during one.

A client that hears nothing from a process that stands still gives up and connects anew. What its
speaker said between the two connections is a gap.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from service.clock import Clock
from service.metrics import Metrics
from service.rooms.clock_watch import ClockStep, ClockWatch, Reading, StandStill, read_clocks
from service.rooms.listener import Key

log = structlog.get_logger()

_RETURN = timedelta(seconds=60)
"""Longest time from an outage to the return of a speaker who left during it."""


@dataclass(frozen=True, slots=True)
class Outage:
    """A time in which this process did not run."""

    from_at: datetime
    to_at: datetime


class Outages:
    """Counts outages, logs each in one line, and remembers the last.

    Attributes:
        last: The last outage; None before the first.
    """

    def __init__(
        self, metrics: Metrics, clock: Clock, read: Callable[[], Reading] = read_clocks
    ) -> None:
        self._metrics = metrics
        self._clock = clock
        self._read = read
        self._watch = ClockWatch()
        self._observed_at = clock()
        self._left: dict[Key, datetime] = {}
        self.last: Outage | None = None

    def observe(self) -> timedelta:
        """Look for an outage that has just ended. Call it on every beat.

        Returns:
            Step forward of the wall clock since the last call; 0 mostly.
        """
        stepped_s = 0.0
        now, before = self._clock(), self._observed_at
        for found in self._watch.observe(self._read()):
            if isinstance(found, ClockStep):
                direction = "forward" if found.seconds > 0 else "backward"
                self._metrics.clock_steps.labels(direction).inc()
                log.warning("clock.stepped", seconds=round(found.seconds, 1))
                stepped_s = max(0.0, found.seconds)
            elif isinstance(found, StandStill):
                self._metrics.stood_still_seconds.labels(found.cause).inc(found.seconds)
                log.warning(
                    "ears.stood_still", seconds=round(found.seconds, 1), cause=str(found.cause)
                )
                self.last = Outage(before, now)
        if self._left and self.last is not None and now - self.last.to_at > _RETURN:
            self._left.clear()
        self._observed_at = now
        return timedelta(seconds=stepped_s)

    def note_left(self, key: Key, heard_at: datetime, told_until: datetime) -> None:
        """Note that a speaker has left: during the last outage, if nothing came after it.

        Args:
            heard_at: Time of the speaker's last sound.
            told_until: Time up to which it is on record that they were heard or not.
        """
        if self.last is not None and heard_at < self.last.to_at:
            self._left[key] = told_until

    def unheard_since(self, key: Key) -> datetime | None:
        """Return the time since which a speaker who comes now was not heard because of an outage.

        None: no outage was the reason. The speaker is forgotten here.
        """
        return self._left.pop(key, None)
