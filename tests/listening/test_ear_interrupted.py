"""Ears after an interruption or a lost connection: where their gaps begin and end."""

from __future__ import annotations

from datetime import timedelta

import pytest

from service.listening.events import AudioGap
from tests.listening.ears import an_ear, assert_on_time
from tests.listening.hearing import listen, loud_span_s, seconds
from tests.listening.packets import CLIP, NETWORK_S, START, arrivals, talk
from tests.listening.sound import clip_16k

INTERRUPTED_AT = START - timedelta(seconds=20)


def test_after_an_interruption_there_is_one_gap_up_to_where_hearing_began() -> None:
    ear = an_ear(interrupted_at=INTERRUPTED_AT)
    heard = listen(ear, arrivals(talk(2.0, 5.0, until_s=8)), until_s=9)
    (gap,) = heard.gaps
    assert gap.from_at == INTERRUPTED_AT
    assert 0 <= seconds(gap.to_at) < 1.0
    assert heard.given[0][1] is gap
    assert len(heard.utterances) == 2
    assert not ear.interrupted


def test_a_speaker_in_mid_sentence_gets_a_gap_to_its_end_and_is_heard_as_well() -> None:
    packets = [p for p in arrivals(talk(1.0, 5.0, until_s=8)) if p.arrived_s >= 1_001.3]
    ear = an_ear(interrupted_at=INTERRUPTED_AT)
    assert ear.interrupted
    heard = listen(ear, packets, until_s=9)
    (gap,) = heard.gaps
    truncated, whole = heard.utterances
    assert (gap.from_at, gap.to_at) == (INTERRUPTED_AT, truncated.ended_at)
    assert [item for _, item in heard.given] == [gap, truncated, whole]


@pytest.mark.parametrize("stall_s", [0.7, 1.0, 2.0])
@pytest.mark.parametrize(("back_s", "stalls_s"), [(1.3, 1.8), (1.5, 1.6), (1.55, 1.6)])
def test_a_stall_after_an_interruption_leaves_the_whole_sentence_in_the_gap(
    back_s: float, stalls_s: float, stall_s: float
) -> None:
    """Hearing begins in mid-sentence, and the rest is late: the filled-in silence does not end the
    sentence."""

    def delayed(_: int, at_s: float) -> float:
        return max(NETWORK_S, stalls_s + stall_s - at_s) if at_s > stalls_s else NETWORK_S

    packets = arrivals(talk(1.0, 5.0, until_s=8), delay_s=delayed)
    ear = an_ear(interrupted_at=INTERRUPTED_AT)
    heard = listen(ear, [p for p in packets if p.arrived_s >= 1_000 + back_s], until_s=9)
    (gap,) = heard.gaps
    _, ends = loud_span_s(clip_16k(CLIP))
    assert gap.from_at == INTERRUPTED_AT
    assert 1.0 + ends <= seconds(gap.to_at) < 4.0
    assert_on_time(heard.utterances[-1:], 5.0)


def test_a_speaker_who_comes_back_and_says_nothing_gets_their_gap_on_leaving() -> None:
    ear = an_ear(interrupted_at=INTERRUPTED_AT)
    heard = listen(ear, [], until_s=3)
    (gap,) = heard.gaps
    assert (gap.from_at, seconds(gap.to_at)) == (INTERRUPTED_AT, 3.0)
    assert not ear.interrupted


def test_a_speaker_who_comes_back_and_stays_silent_gets_their_gap_after_a_while() -> None:
    heard = listen(an_ear(interrupted_at=INTERRUPTED_AT), [], until_s=8, close=False)
    (gap,) = heard.gaps
    assert gap.from_at == INTERRUPTED_AT
    assert seconds(gap.to_at) == pytest.approx(5.0, abs=0.05)


def test_a_lost_connection_leaves_a_gap_since_the_last_sound() -> None:
    ear = an_ear()
    packets = [p for p in arrivals(talk(1.0, until_s=8)) if p.arrived_s < 1_004]
    listen(ear, packets, until_s=30, close=False)
    (gap,) = [
        item
        for item in ear.close(START + timedelta(seconds=30), cut_off=True)
        if isinstance(item, AudioGap)
    ]
    assert 3.0 < seconds(gap.from_at) < 4.1
    assert (seconds(gap.to_at), gap.reason) == (30.0, "the connection was lost")


def test_a_speaker_who_leaves_by_their_own_will_leaves_no_gap() -> None:
    assert not listen(an_ear(), arrivals(talk(1.0, until_s=4)), until_s=10).gaps
