"""Ears: real Opus packets on a simulated network and clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from asr.speech import EndedBy, Utterance
from service.listening.interim_schedule import InterimSchedule
from tests.listening.ears import an_ear, assert_on_time
from tests.listening.hearing import listen, loud_span_s, seconds
from tests.listening.packets import CLIP, NETWORK_S, arrivals, monologue, talk
from tests.listening.sound import clip_16k


def test_what_is_said_is_given_out_with_its_times() -> None:
    heard = listen(an_ear(), arrivals(talk(1.0, 5.0, until_s=8)), until_s=9)
    assert_on_time(heard.utterances, 1.0, 5.0)
    assert heard.gaps == []
    assert [u.ended_by for u in heard.utterances] == [EndedBy.SILENCE] * 2
    assert all(u.room_id == "room" and u.speaker_id == "ann" for u in heard.utterances)


def test_times_hold_over_a_minute_without_packets() -> None:
    sent = talk(1.0, until_s=4)
    later = [replace(packet, pts=packet.pts + 60 * 48_000) for packet in sent]
    heard = listen(an_ear(), arrivals([*sent, *later]), until_s=65)
    assert_on_time(heard.utterances, 1.0, 61.0)


def test_the_last_words_come_out_though_nothing_more_arrives() -> None:
    packets = arrivals(talk(1.0, until_s=3))
    _, ends = loud_span_s(clip_16k(CLIP))
    cut = [packet for packet in packets if packet.arrived_s <= 1_001.0 + NETWORK_S + ends]
    heard = listen(an_ear(), cut, until_s=5, close=False)
    ((given_s, utterance),) = heard.given
    assert isinstance(utterance, Utterance)
    assert utterance.ended_by is EndedBy.SILENCE
    assert given_s - (1.0 + NETWORK_S + ends) < 0.65


def test_the_last_words_come_out_though_only_rubbish_follows() -> None:
    packets = arrivals(talk(1.0, until_s=3))
    _, ends = loud_span_s(clip_16k(CLIP))
    cut = [packet for packet in packets if packet.arrived_s <= 1_001.0 + NETWORK_S + ends]
    last = cut[-1]
    rubbish = [
        replace(
            last,
            sequence=last.sequence + n,
            timestamp=last.timestamp + 960 * n,
            payload=b"\xff",
            arrived_s=last.arrived_s + 0.02 * n,
        )
        for n in range(1, 150)
    ]
    heard = listen(an_ear(), [*cut, *rubbish], until_s=4, close=False)
    assert_on_time(heard.utterances, 1.0)
    assert heard.ear.counters.bad > 50


def test_leaving_gives_out_the_open_word_and_the_packets_in_the_reorder_window() -> None:
    packets = arrivals(talk(1.0, until_s=3))
    cut = [packet for packet in packets if packet.arrived_s <= 1_001.8]
    del cut[-4]  # the three after it are held back when the speaker leaves
    ear = an_ear()
    heard = listen(ear, cut, until_s=1.8)
    (utterance,) = heard.utterances
    assert utterance.ended_by is EndedBy.LEFT
    assert seconds(utterance.ended_at) == pytest.approx(1.8, abs=0.04)


def test_a_monologue_comes_in_parts_that_join_without_a_hole() -> None:
    heard = listen(an_ear(), arrivals(monologue(30)), until_s=32)
    parts = heard.utterances
    assert [part.part for part in parts] == list(range(len(parts)))
    assert len(parts) >= 3
    for one, after in zip(parts, parts[1:], strict=False):
        begins = after.started_at + timedelta(milliseconds=after.overlap_ms)
        assert begins == pytest.approx(one.ended_at, abs=timedelta(milliseconds=30))
        assert one.pcm[-after.overlap_ms * 32 :] == after.pcm[: after.overlap_ms * 32]


def test_filled_in_silence_does_not_count_as_heard_until_it_is_certain() -> None:
    packets = [p for p in arrivals(talk(1.0, until_s=3)) if p.arrived_s < 1_003]
    heard = listen(an_ear(), packets, until_s=4.0, close=False)
    assert seconds(heard.ear.heard_until()) == pytest.approx(3.0, abs=0.5)
    heard = listen(an_ear(), packets, until_s=60.0, close=False)
    assert seconds(heard.ear.heard_until()) == pytest.approx(57.0, abs=0.6)


def test_an_ear_that_hears_nothing_shows_the_floor_and_then_the_level() -> None:
    ear = an_ear()
    assert ear.level_dbfs == -100
    listen(ear, arrivals(monologue(2))[:60], until_s=1.4, close=False)
    assert ear.level_dbfs > -45
    assert ear.speaking


def test_an_interim_utterance_has_the_id_of_the_final_one() -> None:
    ear = an_ear(interims=InterimSchedule())
    listening = listen(ear, arrivals(monologue(20.0)), until_s=25.0)
    whole = {one.id: one for one in listening.utterances}
    assert len(whole) > 1, "it was cut"
    assert len(listening.interims) >= 5
    revisions: dict[str, list[int]] = {}
    for interim in listening.interims:
        assert interim.ended_by is EndedBy.OPEN
        assert interim.started_at == whole[interim.id].started_at
        assert interim.part == whole[interim.id].part
        revisions.setdefault(interim.id, []).append(interim.revision)
    for numbers in revisions.values():
        assert numbers == list(range(1, len(numbers) + 1))


def test_interim_utterances_do_not_change_the_final_ones() -> None:
    packets = arrivals(monologue(20.0))
    plain = listen(an_ear(), packets, until_s=25.0)
    with_interims = listen(an_ear(interims=InterimSchedule()), packets, until_s=25.0)
    assert plain.interims == []
    assert [(one.pcm, one.part) for one in plain.utterances] == [
        (one.pcm, one.part) for one in with_interims.utterances
    ]
