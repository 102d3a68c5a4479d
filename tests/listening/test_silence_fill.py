from __future__ import annotations

from asr.speech import SAMPLE_RATE
from service.listening.silence_fill import is_filled, silence_due


def test_silence_is_filled_in_later_in_the_middle_of_a_word() -> None:
    assert not is_filled(0.1, in_word=False)
    assert is_filled(0.2, in_word=False)
    assert not is_filled(0.5, in_word=True)
    assert is_filled(0.6, in_word=True)


def test_filled_in_silence_keeps_a_distance_from_the_wall_clock_and_comes_in_frames() -> None:
    due = silence_due(1.0, 0)
    assert due == int(0.96 * SAMPLE_RATE)
    assert silence_due(1.0, due) == 0
    assert silence_due(1.01, due) == 0
    assert silence_due(1.1, due) == int(1.06 * SAMPLE_RATE) - due
