"""Wall time of a track's samples. Pure.

A packet's media time gives its distance from the packet before, but no wall time; its arrival is an
upper bound of the time at which it was spoken. So the earliest arrivals fix the timeline, and late
packets, alone or in a burst after an outage, are placed at the time at which they were spoken.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta

from asr.speech import SAMPLE_RATE

LATEST_S = 3.0
"""Longest delay of a network, in seconds; a later packet begins a new timeline."""
_DRIFT = timedelta(microseconds=200)
"""Longest step towards later times that a packet may cause: sound cards' clocks differ."""
_SLACK = timedelta(milliseconds=5)
_LATEST = timedelta(seconds=LATEST_S)


@dataclass(frozen=True, slots=True)
class _Anchor:
    """Wall time `at` of sample `position`."""

    position: int
    at: datetime


class Timeline:
    """Timeline of one track. Positions count samples at `SAMPLE_RATE`.

    Args:
        now: Wall time of sample 0 until the first packet arrives.
    """

    def __init__(self, now: datetime) -> None:
        self._anchors: deque[_Anchor] = deque([_Anchor(0, now)], maxlen=256)
        self._ended: datetime | None = None

    def wall_time(self, position: int) -> datetime:
        """Return the time at which a sample was spoken.

        It is never later than the sample's arrival, nor than the time of a later sample.
        """
        soonest: datetime | None = None
        for anchor in reversed(self._anchors):
            if anchor.position <= position:
                break
            soonest = anchor.at if soonest is None else min(soonest, anchor.at)
        at = anchor.at + _length(position - anchor.position)
        return at if soonest is None else min(at, soonest)

    def shift(self, step: timedelta) -> None:
        """Follow a step forward of the wall clock: the next packet is due later by `step`."""
        if self._ended is not None:
            self._ended += step

    def place_packet(
        self, position: int, samples: int, arrived: datetime, *, after: int | None, lead: int = 0
    ) -> datetime:
        """Put a packet's samples on the timeline; return the wall time of the first.

        Args:
            position: Position of the packet's first sample.
            samples: Samples in the packet.
            after: Samples of media time between the packet before and this one; None where media
                time began anew.
            lead: Samples right before the packet that belong to it: the copy of a lost one.
        """
        length = _length(samples)
        begins = arrived - length
        if self._ended is not None and after is not None:
            due = self._ended + _length(after) if after else self._ended
            if begins - due < _LATEST:
                begins = min(begins, due + _DRIFT)
        self._ended = begins + length
        if abs(begins - self.wall_time(position)) > _SLACK:
            self._anchors.append(_Anchor(position - lead, begins - _length(lead)))
        return begins


def _length(samples: int) -> timedelta:
    return timedelta(seconds=samples / SAMPLE_RATE)
