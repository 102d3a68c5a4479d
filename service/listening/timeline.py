"""Where on the wall clock the samples of a track lie. Pure.

A packet's media time says how long after the one before it was spoken, but not when; its arrival
says that it was spoken at that moment or before. So the soonest arrivals hold the timeline, and
packets that come late, alone or in a burst after an outage, are put where they were spoken.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta

from asr.speech import SAMPLE_RATE

LATEST_S = 3.0
"""A network holds packets back for so long at most; what comes later began anew."""
_DRIFT = timedelta(microseconds=200)
"""How far a packet may move the timeline towards later times: sound cards' clocks differ."""
_SLACK = timedelta(milliseconds=5)
_LATEST = timedelta(seconds=LATEST_S)


@dataclass(frozen=True, slots=True)
class _Anchor:
    """Sample `position` was spoken at wall time `at`."""

    position: int
    at: datetime


class Timeline:
    """One track's. Positions count samples at `SAMPLE_RATE`.

    Args:
        now: When sample 0 is taken to be spoken until the first packet tells.
    """

    def __init__(self, now: datetime) -> None:
        self._anchors: deque[_Anchor] = deque([_Anchor(0, now)], maxlen=256)
        self._ended: datetime | None = None

    def wall(self, position: int) -> datetime:
        """When this sample was spoken: never later than it came, nor than what follows it."""
        soonest: datetime | None = None
        for anchor in reversed(self._anchors):
            if anchor.position <= position:
                break
            soonest = anchor.at if soonest is None else min(soonest, anchor.at)
        at = anchor.at + _length(position - anchor.position)
        return at if soonest is None else min(at, soonest)

    def place(
        self, position: int, samples: int, arrived: datetime, *, after: int | None
    ) -> datetime:
        """Put a packet's samples on the timeline; when the first of them was spoken.

        Args:
            after: Samples of media time between the packet before and this one; None where media
                time began anew.
        """
        length = _length(samples)
        begins = arrived - length
        if self._ended is not None and after is not None:
            due = self._ended + _length(after) if after else self._ended
            if begins - due < _LATEST:
                begins = min(begins, due + _DRIFT)
        self._ended = begins + length
        if abs(begins - self.wall(position)) > _SLACK:
            self._anchors.append(_Anchor(position, begins))
        return begins


def _length(samples: int) -> timedelta:
    return timedelta(seconds=samples / SAMPLE_RATE)
