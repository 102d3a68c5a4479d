"""Overload reports: an event when verdicts fall behind the speech, and when they have caught up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, NoReturn, Protocol

from asr.overload_ladder import Rung
from service.clock import Clock

BEHIND_S = 3.0
"""Lag beyond which verdicts are behind."""
NORMAL_S = 1.0
"""Lag below which they have caught up. Lower than `BEHIND_S`: a lag that swings around one of the
two is one change and not many."""

AGAIN_AFTER = timedelta(seconds=2)
"""Shortest time between two reports of the same state."""

_CHECK_EVERY_S = 0.5
_STOOD_STILL_S = 1.0
"""Delay of a check that shows that this process stood still. That is no overload."""


class Pace(StrEnum):
    NORMAL = "normal"
    BEHIND = "behind"


@dataclass(frozen=True, slots=True)
class Lag:
    """
    Attributes:
        behind_s: Seconds since the oldest utterance without a verdict ended; 0 without one.
        waiting: Utterances without a verdict.
        rung: Step of the overload ladder that the work queue has taken.
    """

    behind_s: float
    waiting: int
    rung: Rung = Rung.NONE


class VerdictLag(Protocol):
    """Lag of the verdicts behind the speech: `service.verdict.pipeline.Pipeline`."""

    def lag(self, now: datetime) -> Lag: ...


@dataclass(frozen=True, slots=True)
class OverloadChanged:
    """A change of the lag or of the overload ladder. It belongs to no room.

    Attributes:
        measure: Highest step of the overload ladder that is taken; each includes those before:
            `none`, `no_looks` (no interim transcripts), `greedy` (no beam), `coalesce` (a speaker's
            utterances share a window), `late` (what waits too long becomes a gap).
    """

    type: ClassVar[str] = "overload.changed"
    state: Pace
    behind_s: float
    waiting: int
    measure: str = "none"


@dataclass(frozen=True, slots=True)
class Reported:
    """The latest report."""

    state: Pace
    behind_s: float
    at: datetime
    rung: Rung = Rung.NONE


def overload_change(reported: Reported, lag: Lag, now: datetime) -> OverloadChanged | None:
    """Return the report that is due, if any.

    Due at once: a lag beyond `BEHIND_S`, its return below `NORMAL_S`, a higher step of the ladder.
    Due after `AGAIN_AFTER`: a lag that doubled or halved while behind, a lower step of the ladder.
    """
    rested = now - reported.at >= AGAIN_AFTER
    match reported.state:
        case Pace.NORMAL:
            changed, state = lag.behind_s > BEHIND_S, Pace.BEHIND
        case Pace.BEHIND if lag.behind_s < NORMAL_S:
            changed, state = True, Pace.NORMAL
        case Pace.BEHIND:
            doubled = lag.behind_s >= 2 * reported.behind_s
            halved = lag.behind_s <= reported.behind_s / 2
            changed, state = (doubled or halved) and rested, Pace.BEHIND
    higher, lower = lag.rung > reported.rung, lag.rung < reported.rung
    if not (changed or higher or (lower and rested)):
        return None
    state = state if changed else reported.state
    return OverloadChanged(state, round(lag.behind_s, 1), lag.waiting, lag.rung.name.lower())


class OverloadWatch:
    """Check the lag twice a second and record its changes while `run` runs.

    Args:
        lag: Returns the lag at a moment.
        record: Stores the event. After a failure the event is recorded once `run` runs again.
        measure: Receives the lag in seconds at each check.
    """

    def __init__(
        self,
        lag: Callable[[datetime], Lag],
        record: Callable[[OverloadChanged, datetime], Awaitable[None]],
        *,
        measure: Callable[[float], None],
        clock: Clock,
    ) -> None:
        self._lag = lag
        self._record = record
        self._measure = measure
        self._clock = clock
        self._reported = Reported(Pace.NORMAL, 0.0, clock())
        self._stood_still: tuple[datetime, datetime] | None = None

    @property
    def behind(self) -> bool:
        """Whether the latest report says that verdicts are behind."""
        return self._reported.state is Pace.BEHIND

    def resume(self, state: Pace, measure: str) -> None:
        """Go on from the last report of an earlier run, so that its end is reported."""
        self._reported = Reported(state, 0.0, self._clock(), Rung[measure.upper()])

    async def run(self) -> NoReturn:
        loop = asyncio.get_running_loop()
        while True:
            await self.check_lag()
            due_s, before = loop.time() + _CHECK_EVERY_S, self._clock()
            await asyncio.sleep(_CHECK_EVERY_S)
            if loop.time() - due_s >= _STOOD_STILL_S:
                self.note_outage(before, self._clock())

    def note_outage(self, from_at: datetime, to_at: datetime) -> None:
        """Note that this process stood still between these times: they count for no lag."""
        self._stood_still = (from_at, to_at)

    async def check_lag(self) -> None:
        """Measure the lag, and record a report that is due."""
        now = self._clock()
        lag = self._lag(now)
        lag = replace(lag, behind_s=self._awake_s(lag.behind_s, now))
        self._measure(lag.behind_s)
        event = overload_change(self._reported, lag, now)
        if event is not None:
            await self._record(event, now)
            self._reported = Reported(event.state, lag.behind_s, now, lag.rung)

    def _awake_s(self, behind_s: float, now: datetime) -> float:
        """Return the part of a lag in which this process did not stand still."""
        if self._stood_still is None:
            return behind_s
        from_at, to_at = self._stood_still
        oldest = now - timedelta(seconds=behind_s)
        overlap_s = (min(to_at, now) - max(from_at, oldest)).total_seconds()
        return max(0.0, behind_s - max(0.0, overlap_s))
