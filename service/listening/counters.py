"""What is counted of a track."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EarCounters:
    """
    Attributes:
        packets: That came.
        lost: Packets that never came.
        bad: Packets that were not Opus.
        late: Packets that came when they were given up already.
        duplicate: Packets that came once more.
        silent: Packets that were declared silent and not decoded.
        lies: 1 once the track has been louder than it declared.
        noise: Stretches of sound that were no speech.
        clicks: Stretches of sound that were too short for speech.
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
