from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from service.listening.candidate import DEFAULTS, WINDOW_BYTES, Candidate

WINDOW = WINDOW_BYTES // 2
FRAME_BYTES = 640


def written(pcm: bytes) -> Sequence[float]:
    """A detector that reads how likely a window is from its first sample, in percent."""
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


def test_its_speech_begins_a_window_early_and_ends_with_the_last_likely_one() -> None:
    candidate = a_candidate(0, 0, 30, 90, 90, 49, 20, 0, start=7)
    assert candidate.speech() == [(7 + WINDOW, 7 + 5 * WINDOW)]
    assert candidate.speech_until == 7 + 7 * WINDOW
    assert a_candidate(90, 90, 90).speech() == [(0, 3 * WINDOW)]


def test_a_single_window_does_not_widen_it() -> None:
    assert a_candidate(0, 70, 0, 0, 90, 90, 90, 0, 0, 90, 0).speech() == [(3 * WINDOW, 7 * WINDOW)]


def test_a_pause_parts_its_speech() -> None:
    candidate = a_candidate(0, 90, 90, 90, 0, 0, 0, 80, 80, 80, 0)
    assert candidate.speech() == [(0, 4 * WINDOW), (6 * WINDOW, 10 * WINDOW)]


def test_where_nothing_is_likely_its_speech_is_what_may_be_speech() -> None:
    assert a_candidate(0, 0, *[40] * 7, 19).speech() == [(WINDOW, 9 * WINDOW)]
    assert a_candidate(0, 19).speech() == []


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


def test_what_is_given_out_is_forgotten_and_places_stay() -> None:
    candidate = a_candidate(90, 0, 90, 80, 90, 0, start=100)
    candidate.forget(100 + 2 * WINDOW + 5)
    assert candidate.speech() == [(100 + 2 * WINDOW, 100 + 5 * WINDOW)]
    assert candidate.judged == 100 + 6 * WINDOW


@given(
    st.lists(st.integers(0, 100), min_size=1, max_size=60),
    st.lists(st.booleans(), min_size=200, max_size=200),
)
def test_each_window_is_heard_once_and_in_order(percent: list[int], voiced: list[bool]) -> None:
    heard: list[float] = []

    def hearing(pcm: bytes) -> Sequence[float]:
        assert len(pcm) % WINDOW_BYTES == 0
        found = written(pcm)
        heard.extend(found)
        return found

    candidate, pcm = Candidate(hearing, 0), sound(*percent)
    for number, at in enumerate(range(0, len(pcm), FRAME_BYTES)):
        candidate.push(pcm[at : at + FRAME_BYTES], voiced=voiced[number])
    candidate.settle(len(percent) * WINDOW)
    assert heard == [each / 100 for each in percent]
