"""Watch over the process's clocks: it stood still, its machine slept, its wall clock was stepped.

Pure: readings come in as arguments. Overload is another matter: there the event loop runs, and
transcription falls behind.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum

STOOD_STILL_S = 1.0
"""Shortest time without a turn of the event loop that counts as a stand-still."""
STEPPED_S = 0.5
"""Smallest step of the wall clock that is reported."""


class Cause(StrEnum):
    """Cause of a stand-still."""

    STOPPED = "stopped"
    """The process got no processor time: a signal, a debugger, a paused container or machine."""
    BUSY = "busy"
    """Something in the process held the event loop."""
    SUSPENDED = "suspended"
    """The machine slept."""


@dataclass(frozen=True, slots=True)
class Reading:
    """All clocks at one moment, in seconds.

    Attributes:
        loop_s: The event loop's clock, which stops while the machine sleeps.
        boot_s: The clock that goes on meanwhile (CLOCK_BOOTTIME).
        wall_s: Wall time, which may be stepped.
        busy_s: Processor time of the event loop's thread.
    """

    loop_s: float
    boot_s: float
    wall_s: float
    busy_s: float


@dataclass(frozen=True, slots=True)
class StandStill:
    """A time in which the event loop did not run."""

    seconds: float
    cause: Cause


@dataclass(frozen=True, slots=True)
class ClockStep:
    """A step of the wall clock; negative: backward."""

    seconds: float


def read_clocks() -> Reading:
    """Read all clocks; call it on the event loop's thread."""
    loop_s = time.monotonic()
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    boot_s = loop_s if boot is None else time.clock_gettime(boot)
    return Reading(loop_s, boot_s, time.time(), time.thread_time())


class ClockWatch:
    """Compares each reading with the one before; read about every beat."""

    def __init__(self) -> None:
        self._before: Reading | None = None

    def observe(self, now: Reading) -> list[StandStill | ClockStep]:
        """Return what has happened since the reading before, if there was one."""
        before, self._before = self._before or now, now
        late_s = now.loop_s - before.loop_s
        slept_s = (now.boot_s - now.loop_s) - (before.boot_s - before.loop_s)
        stepped_s = (now.wall_s - now.boot_s) - (before.wall_s - before.boot_s)
        found: list[StandStill | ClockStep] = []
        if late_s >= STOOD_STILL_S:
            busy = now.busy_s - before.busy_s >= late_s / 2
            found.append(StandStill(late_s, Cause.BUSY if busy else Cause.STOPPED))
        if slept_s >= STOOD_STILL_S:
            found.append(StandStill(slept_s, Cause.SUSPENDED))
        if abs(stepped_s) >= STEPPED_S:
            found.append(ClockStep(stepped_s))
        return found
