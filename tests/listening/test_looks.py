from __future__ import annotations

from asr.speech import SAMPLE_RATE
from service.listening.looks import Looks, LookSettings

TICK = SAMPLE_RATE // 50


def looks_at(looks: Looks, since_s: float, until_s: float, *, pause: tuple[float, float] = (0, 0)):  # type: ignore[no-untyped-def]
    """Seconds at which a look is due while somebody speaks from `since_s` to `until_s`."""
    since = int(since_s * SAMPLE_RATE)
    found = []
    for position in range(since, int(until_s * SAMPLE_RATE), TICK):
        at_s = position / SAMPLE_RATE
        pausing = int(1000 * (at_s - pause[0])) if pause[0] < at_s < pause[1] else 0
        if looks.due(since, position, pausing):
            found.append(round(at_s, 2))
    return found


def test_long_speech_is_looked_at_every_three_seconds() -> None:
    assert looks_at(Looks(), 1.0, 11.5) == [4.0, 7.0, 10.0]


def test_short_speech_is_not_looked_at() -> None:
    assert looks_at(Looks(), 1.0, 3.9) == []


def test_each_stretch_of_speech_is_counted_anew() -> None:
    looks = Looks()
    assert looks_at(looks, 0.0, 2.9) == []
    assert not looks.due(None, 3 * SAMPLE_RATE, 600)
    assert looks_at(looks, 3.5, 7.0) == [6.5]


def test_nobody_is_looked_at_in_a_pause_that_may_be_the_end() -> None:
    assert looks_at(Looks(), 0.0, 4.0, pause=(2.7, 3.4)) == [3.4]


def test_what_was_seen_once_is_looked_at_again_soon() -> None:
    looks = Looks(LookSettings(every_ms=3_000, again_ms=500))
    assert looks_at(looks, 0.0, 3.1) == [3.0]
    looks.again(int(3.2 * SAMPLE_RATE))
    assert [
        position / SAMPLE_RATE
        for position in range(int(3.2 * SAMPLE_RATE), 7 * SAMPLE_RATE, TICK)
        if looks.due(0, position, 0)
    ] == [3.7, 6.7]


def test_nothing_is_looked_at_again_where_nobody_speaks() -> None:
    looks = Looks()
    looks.again(0)
    assert not looks.due(None, SAMPLE_RATE, 0)
