"""Overload ladder and log lines of a server whose work is done over Redis. Pure but for logs."""

from __future__ import annotations

from dataclasses import replace

import structlog

from asr.outbox import Outbox
from asr.overload_ladder import Ladder, LadderTimes, Rung
from asr.speech import INTERIM_CLASSES
from asr.stream_records import Overview

log = structlog.get_logger()

_ALARM_S, _CALM_S = 3.0, 1.0
"""A longer wait is an alarm; the alarm ends once the wait is below the second."""


class BacklogMonitor:
    """Step of the overload ladder that the backlog calls for.

    Args:
        now_s: Current time, from the same clock as in `update`.
    """

    def __init__(self, now_s: float, times: LadderTimes) -> None:
        self._ladder = Ladder(now_s, times)
        self._climb_s = times.climb_s
        self._alarmed = False

    @property
    def rung(self) -> Rung:
        return self._ladder.rung

    def update(self, overview: Overview, now_s: float) -> None:
        behind_s = max(overview.behind_s.values())
        finals_s = max(s for work, s in overview.behind_s.items() if work not in INTERIM_CLASSES)
        # Interim utterances that wait are left out; finals lose no quality on their account.
        waits_s = max(finals_s, min(behind_s, self._climb_s[Rung.GREEDY]))
        self._ladder.update_rung(waits_s, now_s)
        if behind_s > _ALARM_S and not self._alarmed:
            waiting = sum(overview.waiting.values())
            log.warning("asr.workers_behind", behind_s=round(behind_s, 1), waiting=waiting)
            self._alarmed = True
        elif behind_s < _CALM_S and self._alarmed:
            log.info("asr.workers_caught_up")
            self._alarmed = False


def include_outbox(overview: Overview, outbox: Outbox, now_s: float) -> Overview:
    """Return the overview with what waits in this process added."""
    waiting, behind_s = outbox.count_waiting(), outbox.behind_s(now_s)
    return replace(
        overview,
        waiting={work: n + waiting[work] for work, n in overview.waiting.items()},
        behind_s={work: max(s, behind_s.get(work, 0.0)) for work, s in overview.behind_s.items()},
    )
