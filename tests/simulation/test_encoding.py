from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from service.simulation.encoding import SentLine, encode_speaker
from service.simulation.failed import SimulationFailed
from service.simulation.script import Line, ScriptedSpeaker
from service.simulation.voice import (
    FRAME,
    SAMPLE_RATE,
    audible_range,
    decode_packets,
    read_clip,
    write_clip,
)
from tests.simulation.examples import CLIPS

CLIP = CLIPS / "grace-kind.opus"


def speaker(*at_s: float, clip: Path = CLIP) -> ScriptedSpeaker:
    lines = tuple(Line(second, clip, "please be kind to each other") for second in at_s)
    return ScriptedSpeaker("ann", "Ann", lines)


def test_lines_are_audible_at_their_times() -> None:
    encoded = encode_speaker(speaker(0.513, 5.0), until_s=10)
    sound = decode_packets(encoded.packets, 10 * SAMPLE_RATE)
    clip_from, clip_to = audible_range(read_clip(CLIP))
    for line, at_s in zip(encoded.lines, (0.513, 5.0), strict=True):
        assert line.first == pytest.approx(at_s * SAMPLE_RATE + clip_from, abs=FRAME)
        assert line.last == pytest.approx(at_s * SAMPLE_RATE + clip_to, abs=FRAME)
        heard_from, heard_to = audible_range(sound[line.first - FRAME * 5 : line.last + FRAME * 5])
        assert heard_from == pytest.approx(5 * FRAME, abs=2 * FRAME)
        assert heard_to == pytest.approx(line.last - line.first + 5 * FRAME, abs=3 * FRAME)


def test_timestamps_rise_and_reach_the_end_through_silence() -> None:
    encoded = encode_speaker(speaker(1.0), until_s=8)
    stamps = [packet.pts for packet in encoded.packets]
    assert stamps == sorted(set(stamps))
    assert all(stamp % FRAME == 0 for stamp in stamps)
    assert 7.5 * SAMPLE_RATE < stamps[-1] < 8 * SAMPLE_RATE


def mark_all_sent(line: SentLine, *pts: int) -> tuple[float | None, float | None]:
    """Mark packets as sent, a second apart; return the line's start and end times."""
    for second, stamp in enumerate(pts):
        line.mark_sent(stamp, float(second))
    moments = (line.started, line.ended)
    started, ended = (moment.monotonic_s if moment else None for moment in moments)
    return started, ended


@pytest.mark.parametrize(
    ("packets", "expected"),
    [
        (("before",), (None, None)),
        (("before", "first", "middle"), (1.0, None)),
        (("before", "first", "middle", "last", "after"), (1.0, 3.0)),
        (("middle", "after"), (0.0, 1.0)),
        (("after",), (None, None)),
    ],
    ids=["not yet", "in its middle", "whole", "end lost", "all lost"],
)
def test_a_line_lasts_from_its_first_to_its_last_audible_packet(
    packets: Sequence[str], expected: tuple[float | None, float | None]
) -> None:
    [line] = encode_speaker(speaker(1.0), until_s=5).lines
    stamps = {
        "before": line.first - FRAME,
        "first": line.first,
        "middle": line.last - FRAME,
        "last": line.last,
        "after": line.last + FRAME,
    }
    assert mark_all_sent(line, *(stamps[name] for name in packets)) == expected


def test_lines_of_a_speaker_without_a_pause_between_them_are_refused() -> None:
    with pytest.raises(SimulationFailed, match=r"start it at 4\.\d s or later"):
        encode_speaker(speaker(1.0, 3.5), until_s=10)


def test_a_silent_clip_is_refused(tmp_path: Path) -> None:
    write_clip(tmp_path / "silent.opus", np.zeros(SAMPLE_RATE, np.int16))
    with pytest.raises(SimulationFailed, match="silent"):
        encode_speaker(speaker(1.0, clip=tmp_path / "silent.opus"), until_s=10)


def test_a_line_says_for_how_long_its_own_client_stood_still_in_it() -> None:
    (line,) = encode_speaker(speaker(1.0), until_s=5).lines
    late_s = 0.0
    for stamp in range(line.first - 5 * FRAME, line.last + 5 * FRAME, FRAME):
        if stamp == line.first + 10 * FRAME:
            late_s = 0.7  # from here on all packets are late, but none stands still
        if stamp == line.last + FRAME:
            late_s = 3.0  # after the line
        line.mark_sent(stamp, stamp / SAMPLE_RATE + late_s)
    assert line.stalled_s == pytest.approx(0.7)
