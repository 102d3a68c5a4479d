"""Load of `earshot bench path`, and the sum of its reports."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from benchmarks.path import _repeated
from service.simulation.results import Report, combine_reports
from service.simulation.script import DEMO_SCRIPT, load_script
from tests.storage.examples import NOW


@pytest.mark.parametrize("later_s", [0.0, 7.5, 59.9])
def test_a_room_repeats_the_whole_script_each_minute_shifted_in_time(later_s: float) -> None:
    script = load_script(DEMO_SCRIPT)
    twice = _repeated(script, 2, later_s)
    assert len(twice.speakers) == 3
    for speaker, said in zip(script.speakers, twice.speakers, strict=False):
        times = [line.at_s for line in said.lines]
        assert times == sorted(times)
        assert all(0 <= at_s < 120 for at_s in times)
        assert sorted(line.text for line in said.lines) == sorted(
            line.text for line in speaker.lines for _ in range(2)
        )
        # Lines are at least as far apart as in a script that repeats.
        round_ = [line.at_s for line in speaker.lines] + [speaker.lines[0].at_s + 60]
        least = min(b - a for a, b in pairwise(round_))
        assert min(b - a for a, b in pairwise(times)) >= least - 1e-6


def test_reports_of_rooms_add_up() -> None:
    one = Report(
        started_at=NOW,
        utterances=3,
        unsent=0,
        words=12,
        word_errors=1,
        unassigned=0,
        expected=2,
        raised=2,
        missed=0,
        false=0,
        repeated=0,
        latencies_s=[0.5, 0.7],
        lines=[],
        false_alerts=[],
    )
    other = replace(one, started_at=NOW - timedelta(1), missed=1, expected=1, latencies_s=[0.6])
    both = combine_reports([one, other])
    assert (both.utterances, both.expected, both.missed) == (6, 3, 1)
    assert both.latency_s(1.0) == 0.7
    assert both.started_at == other.started_at
    assert not both.ok
