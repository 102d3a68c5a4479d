"""Says when words wait too long for their verdict, and when they no longer do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, NoReturn, Protocol

from asr.ladder import Rung
from service.clock import Clock

BEHIND_S = 3.0
NORMAL_S = 1.0
"""Lower than `BEHIND_S`, so that a lag about one of the two is one change and not many."""

AGAIN_AFTER = timedelta(seconds=2)
"""While behind, how far is told no more often than this."""

_LOOK_S = 0.5


class Pace(StrEnum):
    NORMAL = "normal"
    BEHIND = "behind"


@dataclass(frozen=True, slots=True)
class Lag:
    """
    Attributes:
        behind_s: How long ago the oldest utterance that waits for its verdict ended; 0: none does.
        waiting: How many wait.
        rung: What the work queue does about it.
    """

    behind_s: float
    waiting: int
    rung: Rung = Rung.NONE


class VerdictLag(Protocol):
    """How far verdicts are behind the words: `service.verdict.pipeline.Pipeline`."""

    def lag(self, now: datetime) -> Lag: ...


@dataclass(frozen=True, slots=True)
class OverloadChanged:
    """Transcription fell behind, is further behind or less so, or has caught up, or something else
    is done about it. Of no room.

    Attributes:
        measure: What is done about it, and all that comes before: `none`, `no_looks` (at speech
            that goes on), `greedy` (no beam), `coalesce` (a speaker's utterances share a window),
            `late` (what waits too long becomes a gap).
    """

    type: ClassVar[str] = "overload.changed"
    state: Pace
    behind_s: float
    waiting: int
    measure: str = "none"


@dataclass(frozen=True, slots=True)
class Told:
    """What was said last, and when."""

    state: Pace
    behind_s: float
    at: datetime
    rung: Rung = Rung.NONE


def changed(told: Told, lag: Lag, now: datetime) -> OverloadChanged | None:
    """What there is to say. Behind beyond `BEHIND_S`, normal again below `NORMAL_S`; between the
    two, a lag that has doubled or halved since it was told. What is done about it is told as it
    begins; that less is done now, no more often than every two seconds."""
    match told.state:
        case Pace.NORMAL:
            news, state = lag.behind_s > BEHIND_S, Pace.BEHIND
        case Pace.BEHIND if lag.behind_s < NORMAL_S:
            news, state = True, Pace.NORMAL
        case Pace.BEHIND:
            much = lag.behind_s >= 2 * told.behind_s or lag.behind_s <= told.behind_s / 2
            news, state = much and now - told.at >= AGAIN_AFTER, Pace.BEHIND
    more, rested = lag.rung > told.rung, now - told.at >= AGAIN_AFTER
    if not (news or more or (lag.rung < told.rung and rested)):
        return None
    state = state if news else told.state
    return OverloadChanged(state, round(lag.behind_s, 1), lag.waiting, lag.rung.name.lower())


class OverloadWatch:
    """Looks twice a second and tells of changes while `run` runs.

    Args:
        lag: How far behind we are at this moment.
        tell: Puts the event on record. One that failed is told anew after `run` is run again.
        measure: Takes the lag in seconds at each look.
    """

    def __init__(
        self,
        lag: Callable[[datetime], Lag],
        tell: Callable[[OverloadChanged, datetime], Awaitable[None]],
        *,
        measure: Callable[[float], None],
        clock: Clock,
    ) -> None:
        self._lag = lag
        self._tell = tell
        self._measure = measure
        self._clock = clock
        self._told = Told(Pace.NORMAL, 0.0, clock())

    @property
    def behind(self) -> bool:
        """What was told last."""
        return self._told.state is Pace.BEHIND

    def resume(self, state: Pace, measure: str) -> None:
        """An earlier run ended so: if it was behind, or did something about it, the end of that is
        told, too."""
        self._told = Told(state, 0.0, self._clock(), Rung[measure.upper()])

    async def run(self) -> NoReturn:
        while True:
            await self.look()
            await asyncio.sleep(_LOOK_S)

    async def look(self) -> None:
        now = self._clock()
        lag = self._lag(now)
        self._measure(lag.behind_s)
        news = changed(self._told, lag, now)
        if news is not None:
            await self._tell(news, now)
            self._told = Told(news.state, lag.behind_s, now, lag.rung)
