from __future__ import annotations

import pytest

from service.listening.onset import Frame, Onset


def frames(voiced: str) -> list[Frame]:
    """One for each letter; v is voiced. No two have the same sound."""
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


def test_it_begins_with_pre_roll_before_the_first_voiced_of_them() -> None:
    onset, made = an_onset(), frames("v.......v.vv")
    for frame in made:
        onset.push(frame)
    assert onset.take() == (made[4:], 4)
    assert len(onset) == 0


def test_the_pre_roll_is_shorter_at_the_beginning_of_a_track() -> None:
    onset, made = an_onset(), frames("..vvv")
    for frame in made:
        onset.push(frame)
    assert onset.take() == (made, 2)


def test_silence_that_is_passed_over_pushes_out_what_was_before_and_no_more_is_held() -> None:
    onset = an_onset()
    onset.keep(frames("vvvvv"))
    onset.pass_over(4)
    assert not onset.push(frames("v")[0])
    onset.pass_over(10**9)
    assert len(onset) == 9


def test_what_is_kept_counts_with_the_next_frame_that_comes() -> None:
    onset = an_onset()
    onset.keep(frames("....vvv"))
    assert onset.push(frames(".")[0])
    assert onset.take()[1] == 4
