from __future__ import annotations

from asr.speech import SAMPLE_RATE
from service.listening.interim_schedule import InterimSchedule, InterimSettings

TICK = SAMPLE_RATE // 50


def due_at(
    schedule: InterimSchedule,
    since_s: float,
    until_s: float,
    *,
    pause: tuple[float, float] = (0, 0),
) -> list[float]:
    """Return the seconds at which an interim transcript is due.

    Args:
        since_s: Begin of the speech.
        until_s: End of the speech.
        pause: Begin and end of a pause in it.
    """
    since = int(since_s * SAMPLE_RATE)
    found = []
    for position in range(since, int(until_s * SAMPLE_RATE), TICK):
        at_s = position / SAMPLE_RATE
        pause_ms = int(1000 * (at_s - pause[0])) if pause[0] < at_s < pause[1] else 0
        if schedule.is_due(since, position, pause_ms):
            found.append(round(at_s, 2))
    return found


def test_long_speech_is_transcribed_every_three_seconds() -> None:
    assert due_at(InterimSchedule(), 1.0, 11.5) == [4.0, 7.0, 10.0]


def test_short_speech_has_no_interim_transcript() -> None:
    assert due_at(InterimSchedule(), 1.0, 3.9) == []


def test_each_stretch_of_speech_is_counted_anew() -> None:
    schedule = InterimSchedule()
    assert due_at(schedule, 0.0, 2.9) == []
    assert not schedule.is_due(None, 3 * SAMPLE_RATE, 600)
    assert due_at(schedule, 3.5, 7.0) == [6.5]


def test_nothing_is_due_in_a_pause_that_may_be_the_end() -> None:
    assert due_at(InterimSchedule(), 0.0, 4.0, pause=(2.7, 3.4)) == [3.4]


def test_a_transcript_to_be_confirmed_is_followed_by_another_soon() -> None:
    schedule = InterimSchedule(InterimSettings(every_ms=3_000, confirm_ms=500))
    assert due_at(schedule, 0.0, 3.1) == [3.0]
    schedule.confirm_soon(int(3.2 * SAMPLE_RATE))
    assert [
        position / SAMPLE_RATE
        for position in range(int(3.2 * SAMPLE_RATE), 7 * SAMPLE_RATE, TICK)
        if schedule.is_due(0, position, 0)
    ] == [3.7, 6.7]


def test_nothing_is_confirmed_where_nobody_speaks() -> None:
    schedule = InterimSchedule()
    schedule.confirm_soon(0)
    assert not schedule.is_due(None, SAMPLE_RATE, 0)
