from __future__ import annotations

import pytest

from service.listening.onset import Frame, Onset


def frames(voiced: str) -> list[Frame]:
    """Return a frame for each letter; v is voiced. No two have the same sound."""
    return [Frame(bytes([number]), each == "v") for number, each in enumerate(voiced)]


def an_onset() -> Onset:
    return Onset(preroll=4, voiced=3, within=5)


@pytest.mark.parametrize(
    ("voiced", "opens"),
    [("vvv", True), ("..v.v.v", True), ("v.vv", True), ("v..v..v..v", False), ("vv...v", False)],
)
def test_three_voiced_frames_of_the_last_five_open_a_segment(voiced: str, opens: bool) -> None:
    onset = an_onset()
    *before, last = [onset.push(frame) for frame in frames(voiced)]
    assert not any(before)
    assert last is opens


def test_a_segment_begins_with_pre_roll_before_its_first_voiced_frame() -> None:
    onset, made = an_onset(), frames("v.......v.vv")
    for frame in made:
        onset.push(frame)
    assert onset.open_segment() == (made[4:], 4)
    assert len(onset) == 0


def test_the_pre_roll_is_shorter_at_the_beginning_of_a_track() -> None:
    onset, made = an_onset(), frames("..vvv")
    for frame in made:
        onset.push(frame)
    assert onset.open_segment() == (made, 2)


def test_silence_pushes_out_earlier_frames_and_the_number_held_is_bounded() -> None:
    onset = an_onset()
    onset.push_quiet(frames("vvvvv"))
    onset.push_silence(4)
    assert not onset.push(frames("v")[0])
    onset.push_silence(10**9)
    assert len(onset) == 9


def test_quiet_frames_count_with_the_next_frame() -> None:
    onset = an_onset()
    onset.push_quiet(frames("....vvv"))
    assert onset.push(frames(".")[0])
    assert onset.open_segment()[1] == 4
