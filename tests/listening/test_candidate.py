from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.likelihood import WINDOW_BYTES
from service.listening.candidate import DEFAULTS, Candidate

WINDOW = WINDOW_BYTES // 2
FRAME_BYTES = 640


def written(pcm: bytes, *, again: bool = False) -> Sequence[float]:
    """Return the likelihood of each window, which its first sample holds in percent."""
    return [int(each) / 100 for each in np.frombuffer(pcm, np.int16)[::WINDOW]]


def sound(*percent: int) -> bytes:
    return np.repeat(np.array(percent, np.int16), WINDOW).tobytes()


def a_candidate(*percent: int, start: int = 0) -> Candidate:
    candidate = Candidate(written, start)
    candidate.push(sound(*percent), voiced=True)
    candidate.settle(start + len(percent) * WINDOW)
    return candidate


def test_three_sure_windows_are_speech_and_a_quarter_second_of_doubt_is() -> None:
    assert a_candidate(0, 0, 80, 90, 80, 0).is_speech(0)
    assert a_candidate(19, *[32] * 8, 0).is_speech(0)


def test_the_attack_of_a_chord_is_no_speech_however_often_it_comes() -> None:
    assert not a_candidate(*[60, 55, 35, 19] * 3).is_speech(0)
    assert not a_candidate(20, 30, 49, 19, 49).is_speech(0)


def test_only_what_is_new_counts() -> None:
    candidate = a_candidate(90, 90, 90, 90, 0, start=1_000)
    assert candidate.is_speech(1_000 + WINDOW)
    assert not candidate.is_speech(1_000 + 2 * WINDOW)


def test_its_speech_begins_and_ends_a_window_before_the_likely_windows() -> None:
    candidate = a_candidate(0, 0, 30, 90, 90, 49, 20, 0, start=7)
    assert candidate.speech() == [(7 + 2 * WINDOW, 7 + 5 * WINDOW)]
    assert candidate.speech_until == 7 + 7 * WINDOW
    assert a_candidate(90, 90, 90).speech() == [(0, 2 * WINDOW)]


def test_a_single_window_does_not_widen_it() -> None:
    assert a_candidate(0, 70, 0, 0, 90, 90, 90, 0, 0, 90, 0).speech() == [(3 * WINDOW, 6 * WINDOW)]


def test_a_pause_parts_its_speech() -> None:
    candidate = a_candidate(0, 90, 90, 90, 0, 0, 0, 80, 80, 80, 0)
    assert candidate.speech() == [(0, 3 * WINDOW), (6 * WINDOW, 9 * WINDOW)]


def test_without_likely_windows_its_speech_is_the_possible_ones() -> None:
    assert a_candidate(0, 0, *[30] * 7, 19).speech() == [(WINDOW, 8 * WINDOW)]
    assert a_candidate(0, 19).speech() == []


def test_it_may_begin_at_the_first_window_that_may_be_speech() -> None:
    candidate = a_candidate(0, 30, 0, 0, 30, 30, 90, 90, 0, 0, 90, 90, 90, 0, start=7)
    assert candidate.speech()[0] == (7 + 5 * WINDOW, 7 + 7 * WINDOW)
    assert candidate.speech_since() == 7 + 3 * WINDOW
    assert a_candidate(0, 90, 0).speech_since() is None


def test_windows_are_heard_eight_at_a_time_and_in_a_pause_later() -> None:
    candidate = Candidate(written, 0)
    candidate.push(sound(*[10] * 7), voiced=True)
    assert candidate.judged == 0
    candidate.push(sound(10), voiced=True)
    assert candidate.judged == DEFAULTS.batch * WINDOW
    candidate.push(sound(*[10] * 23), voiced=False)
    assert candidate.judged == DEFAULTS.batch * WINDOW
    candidate.push(sound(10), voiced=False)
    assert candidate.judged == 32 * WINDOW


def test_settling_hears_only_as_far_as_is_asked() -> None:
    candidate = Candidate(written, 0)
    candidate.push(sound(0, 90, 80, 90), voiced=True)
    candidate.settle(2 * WINDOW + 1)
    assert candidate.judged == 3 * WINDOW
    assert not candidate.is_speech(0)
    candidate.settle(10 * WINDOW)
    assert candidate.judged == 4 * WINDOW
    assert candidate.speech_until == 4 * WINDOW


def test_finished_parts_are_forgotten_and_positions_stay() -> None:
    candidate = a_candidate(90, 0, 90, 80, 90, 0, start=100)
    candidate.drop_windows(100 + 2 * WINDOW + 5)
    assert candidate.speech() == [(100 + 2 * WINDOW, 100 + 4 * WINDOW)]
    assert candidate.judged == 100 + 6 * WINDOW


class Hearing:
    """Records the likelihoods of each call.

    Attributes:
        heard: All likelihoods, without those of calls that were repeated.
    """

    def __init__(self) -> None:
        self.calls: list[list[float]] = []
        self.heard: list[float] = []

    def __call__(self, pcm: bytes, *, again: bool = False) -> Sequence[float]:
        assert len(pcm) % WINDOW_BYTES == 0
        if again:
            del self.heard[-len(self.calls[-1]) :]
        found = list(written(pcm))
        self.calls.append(found)
        self.heard += found
        return found


def test_only_the_end_of_a_stretch_is_heard_if_it_is_speech() -> None:
    hearing = Hearing()
    candidate = Candidate(hearing, 7)
    candidate.push(sound(*[90] * 8), voiced=True)
    assert not candidate.push(sound(*[1] * 24, *[80] * 7), voiced=True)
    assert candidate.judged == 7 + 8 * WINDOW
    assert candidate.push(sound(80), voiced=True)
    assert hearing.calls == [[0.9] * 8, [0.8] * 8]
    assert candidate.judged == candidate.speech_until == 7 + 40 * WINDOW
    assert candidate.speech() == [(7, 7 + 39 * WINDOW)]


@pytest.mark.parametrize(("unvoiced", "parts"), [(DEFAULTS.dip - 1, 1), (DEFAULTS.dip, 2)])
def test_the_part_of_a_stretch_that_is_not_heard_is_speech_except_its_pauses(
    unvoiced: int, parts: int
) -> None:
    hearing = Hearing()
    candidate = Candidate(hearing, 0)
    candidate.push(sound(*[90] * 8), voiced=True)
    candidate.push(sound(*[1] * 10), voiced=True)
    candidate.push(sound(*[1] * unvoiced), voiced=False)
    candidate.push(sound(*[1] * (14 - unvoiced), *[80] * 8), voiced=True)
    assert hearing.calls == [[0.9] * 8, [0.8] * 8]
    until = candidate.judged - WINDOW
    begins = (18 + unvoiced - 1) * WINDOW  # a window early
    assert candidate.speech() == [[(0, until)], [(0, 17 * WINDOW), (begins, until)]][parts - 1]


def test_a_stretch_that_ends_in_no_speech_is_heard_whole_as_if_for_the_first_time() -> None:
    hearing = Hearing()
    candidate = Candidate(hearing, 0)
    candidate.push(sound(*[90] * 8), voiced=True)
    stretch = [90] * 10 + [0] * 15 + [90] * 6 + [19]
    candidate.push(sound(*stretch), voiced=True)
    assert hearing.heard == [each / 100 for each in [90] * 8 + stretch]
    assert candidate.speech() == [(0, 17 * WINDOW), (32 * WINDOW, 38 * WINDOW)]


def test_after_the_end_of_speech_windows_are_heard_eight_at_a_time_again() -> None:
    candidate = Candidate(written, 0)
    candidate.push(sound(*[90] * 8), voiced=True)
    candidate.push(sound(*[90] * 20, *[0] * 12), voiced=True)
    candidate.push(sound(*[0] * 8), voiced=True)
    assert candidate.judged == 48 * WINDOW


def test_where_noise_was_called_voiced_every_window_is_heard() -> None:
    hearing = Hearing()
    candidate = Candidate(hearing, 0)
    candidate.push(sound(*[0] * DEFAULTS.disputed, 10, *[90] * 5), voiced=True)
    candidate.push(sound(*[90] * 8), voiced=True)
    candidate.push(sound(*[90] * 8), voiced=True)
    assert [len(call) for call in hearing.calls] == [8, 8, 8]


def test_windows_that_are_not_voiced_are_not_disputed() -> None:
    candidate = Candidate(written, 0)
    candidate.push(sound(*[0] * 12), voiced=False)
    candidate.push(sound(*[90] * 8), voiced=True)
    candidate.push(sound(*[90] * 8), voiced=True)
    assert candidate.judged == 20 * WINDOW


@pytest.mark.parametrize(("amplitude", "heard"), [(2_600, 8), (2_400, 32)])
def test_a_voice_in_the_background_is_heard_whole(amplitude: int, heard: int) -> None:
    """12 dB below 10,000 is 2,512."""
    sizes: list[int] = []

    def sure(pcm: bytes, *, again: bool = False) -> Sequence[float]:
        sizes.append(len(pcm) // WINDOW_BYTES)
        assert not again
        return [0.9] * sizes[-1]

    candidate = Candidate(sure, 0)
    candidate.push(sound(*[10_000] * 8), voiced=True)
    candidate.push(sound(*[amplitude] * 32), voiced=True)
    assert sizes == [8, heard]


def test_in_a_pause_a_stretch_is_waited_for_longer() -> None:
    candidate = Candidate(written, 0)
    candidate.push(sound(*[90] * 8), voiced=True)
    candidate.push(sound(*[90] * 40), voiced=True)
    assert candidate.judged == 48 * WINDOW
    assert not candidate.push(sound(*[90] * 30, *[0] * 17), voiced=False)
    assert candidate.push(sound(0), voiced=False)
    assert candidate.speech_until == 78 * WINDOW


def test_settling_hears_the_end_that_is_asked_for() -> None:
    hearing = Hearing()
    candidate = Candidate(hearing, 0)
    candidate.push(sound(*[90] * 8), voiced=True)
    candidate.push(sound(*[90] * 12, 60, *[0] * 15), voiced=False)
    candidate.settle(21 * WINDOW)
    assert hearing.heard == [0.9] * 15 + [0.6]
    assert candidate.judged == candidate.speech_until == 21 * WINDOW


percents = st.one_of(st.integers(0, 100), st.sampled_from((0, 90)))
stretches = st.lists(st.tuples(percents, st.integers(1, 20)), min_size=1, max_size=20)


@given(stretches, st.lists(st.booleans(), min_size=700, max_size=700))
def test_windows_are_heard_in_order_and_speech_follows_those_left_out(
    made: list[tuple[int, int]], voiced: list[bool]
) -> None:
    hearing = Hearing()
    percent = [each for each, count in made for _ in range(count)]
    candidate, pcm = Candidate(hearing, 0), sound(*percent)
    judged = 0
    for number, at in enumerate(range(0, len(pcm), FRAME_BYTES)):
        before = len(hearing.heard)
        candidate.push(pcm[at : at + FRAME_BYTES], voiced=voiced[number])
        heard, fresh = hearing.heard[before:], candidate.judged // WINDOW - judged
        judged += fresh
        assert heard == [each / 100 for each in percent[judged - len(heard) : judged]]
        if len(heard) < fresh:
            assert candidate.speech_until == candidate.judged
            speech = takewhile(lambda each: each >= DEFAULTS.possible, reversed(heard))
            assert sum(speech) >= DEFAULTS.proof
    candidate.settle(len(percent) * WINDOW)
    assert candidate.judged == len(percent) * WINDOW


@given(stretches)
def test_where_all_is_disputed_each_window_is_heard_once_and_in_order(
    made: list[tuple[int, int]],
) -> None:
    hearing = Hearing()
    percent = [0] * 8 + [each for each, count in made for _ in range(count)]
    candidate, pcm = Candidate(hearing, 0), sound(*percent)
    for at in range(0, len(pcm), FRAME_BYTES):
        candidate.push(pcm[at : at + FRAME_BYTES], voiced=True)
    candidate.settle(len(percent) * WINDOW)
    assert [one for call in hearing.calls for one in call] == [each / 100 for each in percent]
