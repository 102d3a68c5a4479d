"""Ears of a process that stood still: what was not heard is one gap with its times and reason."""

from __future__ import annotations

from datetime import timedelta

import pytest

from service.listening.packet import Packet
from service.listening.track_gaps import LOST_ON_THE_WAY, STOOD_STILL
from tests.listening.ears import an_ear, assert_on_time
from tests.listening.hearing import listen, seconds
from tests.listening.packets import NETWORK_S, START, arrivals, monologue, talk

FROM_S, TO_S = 2.0, 8.0


def at(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def without(packets: list[Packet], from_s: float, to_s: float) -> list[Packet]:
    return [each for each in packets if not from_s <= each.arrived_s - 1_000 < to_s]


@pytest.mark.parametrize("stood_still", [False, True])
def test_lost_packets_are_a_gap_with_the_reason_of_the_loss(stood_still: bool) -> None:
    ear = an_ear()
    if stood_still:
        ear.note_outage(START + at(FROM_S), START + at(TO_S))
    [gap] = listen(ear, without(arrivals(monologue(12)), FROM_S, TO_S), until_s=12).gaps
    assert gap.reason == (STOOD_STILL if stood_still else LOST_ON_THE_WAY)
    assert seconds(gap.from_at) == pytest.approx(FROM_S, abs=0.1)
    assert seconds(gap.to_at) == pytest.approx(TO_S, abs=0.1)


def test_silence_after_lost_packets_is_no_part_of_their_gap() -> None:
    ear = an_ear()
    ear.note_outage(START + at(3), START + at(TO_S))
    packets = [
        each for each in arrivals(talk(2.5, 4.0, 30.0, until_s=33)) if each.arrived_s < 1_500
    ]
    later = [each for each in packets if each.arrived_s - 1_000 > 29.9]
    before = [each for each in packets if each.arrived_s - 1_000 < 3]
    [gap] = listen(ear, before + later, until_s=34).gaps
    assert gap.reason == STOOD_STILL
    assert seconds(gap.from_at) == pytest.approx(3, abs=0.1)
    assert seconds(gap.to_at) == pytest.approx(TO_S, abs=0.1)


def test_a_speaker_who_came_back_unheard_has_a_gap_until_their_first_sound() -> None:
    ear = an_ear()
    ear.await_sound(START - at(5))
    assert ear.awaits_sound
    heard = listen(ear, arrivals(talk(1.0, until_s=3)), until_s=4)
    [gap] = heard.gaps
    assert (seconds(gap.from_at), gap.reason) == (-5, STOOD_STILL)
    assert seconds(gap.to_at) == pytest.approx(NETWORK_S, abs=0.05)
    assert_on_time(heard.utterances, 1.0)
    assert not ear.awaits_sound


def test_a_speaker_who_leaves_before_their_first_sound_has_a_gap_until_then() -> None:
    ear = an_ear()
    ear.await_sound(START - at(5))
    [gap] = ear.close(START + at(2))
    assert gap.reason == STOOD_STILL  # type: ignore[union-attr]
    assert (gap.from_at, gap.to_at) == (START - at(5), START + at(2))  # type: ignore[union-attr]
    assert ear.close(START + at(3)) == []


@pytest.mark.parametrize("step_s", [1.0, 2.0, 600.0])
def test_words_after_a_step_forward_of_the_clock_are_dated_by_the_new_time(step_s: float) -> None:
    ear = an_ear()
    packets = arrivals(talk(1.0, 6.0, until_s=8))
    first = [each for each in packets if each.arrived_s < 1_004]
    second = [each for each in packets if each.arrived_s >= 1_004]
    heard = []
    for packet in first:
        heard += ear.push(packet, START + at(packet.arrived_s - 1_000))
    ear.shift_clock(at(step_s))
    for packet in second:
        heard += ear.push(packet, START + at(packet.arrived_s - 1_000 + step_s))
    heard += ear.close(START + at(9 + step_s))
    assert_on_time(heard, 1.0, 6.0 + step_s)  # type: ignore[arg-type]


@pytest.mark.parametrize("lost_s", [3.0, 6.0])
def test_a_word_that_goes_on_after_a_gap_is_dated_when_it_was_said(lost_s: float) -> None:
    ear = an_ear()
    ear.note_outage(START + at(FROM_S), START + at(FROM_S + lost_s))
    packets = without(arrivals(monologue(FROM_S + lost_s + 3)), FROM_S, FROM_S + lost_s)
    heard = listen(ear, packets, until_s=FROM_S + lost_s + 4)
    [gap] = heard.gaps
    assert seconds(gap.to_at) == pytest.approx(FROM_S + lost_s, abs=0.1)
    later = [each for each in heard.utterances if seconds(each.ended_at) > FROM_S + 1]
    assert seconds(later[0].started_at) == pytest.approx(FROM_S + lost_s - 0.4, abs=0.2)
