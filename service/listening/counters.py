"""Counters of one track."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EarCounters:
    """
    Attributes:
        packets: Packets that arrived.
        lost: Packets that never arrived.
        bad: Packets that were not Opus.
        late: Packets that arrived after the reorder window had given them up.
        duplicate: Packets that arrived again.
        silent: Packets that were declared silent and not decoded.
        lies: 1 once the track has been louder than it declared.
        noise: Segments without speech.
        clicks: Segments too short for speech.
    """

    packets: int = 0
    lost: int = 0
    bad: int = 0
    late: int = 0
    duplicate: int = 0
    silent: int = 0
    lies: int = 0
    noise: int = 0
    clicks: int = 0
