"""Tracks that declare their levels: real Opus packets, truthful levels and lies."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.listening.ear import Ear
from service.listening.packet import Packet
from tests.listening.hearing import Listening, listen, words
from tests.listening.packets import NETWORK_S, START, an_open_microphone, arrivals
from tests.listening.sound import likeness, loud

UNTIL_S = 14.0
TALK_S = (0.5, 2.5, 4.5, 6.5, 8.5, 10.5)


def an_ear(seed: int = 0) -> Ear:
    return Ear("room", "ann", vad=loud, now=START, chance=random.Random(seed))


def said(*at_s: float, levels: Sequence[int] | None = None) -> list[Packet]:
    sent, true = an_open_microphone(*at_s, until_s=UNTIL_S)
    return [
        replace(packet, level=level)
        for packet, level in zip(arrivals(sent), levels or true, strict=True)
    ]


def same_words(one: Listening, other: Listening) -> None:
    assert len(one.utterances) == len(other.utterances)
    for mine, theirs in zip(one.utterances, other.utterances, strict=True):
        assert mine.started_at == pytest.approx(theirs.started_at, abs=timedelta(seconds=0.04))
        assert mine.ended_by is theirs.ended_by
        ours = words(mine.pcm)
        assert len(ours) == pytest.approx(len(words(theirs.pcm)), abs=2 * 640)
        assert likeness(ours, words(theirs.pcm)) > 0.9


@given(
    first=st.integers(0, 30),
    pause=st.integers(15, 60),
    seed=st.integers(0, 1_000),
)
@settings(max_examples=12)
def test_a_track_that_tells_the_truth_is_heard_as_without_levels(
    first: int, pause: int, seed: int
) -> None:
    at_s = (1.0 + first / 10, 3.2 + first / 10 + pause / 10)
    packets = said(*at_s)
    gated = listen(an_ear(seed), packets, until_s=UNTIL_S + 1)
    whole = listen(
        an_ear(), [replace(packet, level=None) for packet in packets], until_s=UNTIL_S + 1
    )
    assert gated.ear.counters.silent > 50
    assert whole.ear.counters.silent == 0
    assert gated.ear.counters.lies == 0
    assert len(gated.utterances) == 2
    same_words(gated, whole)


def test_a_silent_track_is_hardly_decoded_and_gives_nothing() -> None:
    packets = said()
    heard = listen(an_ear(), packets, until_s=UNTIL_S + 1)
    assert heard.utterances == []
    assert heard.gaps == []
    assert heard.ear.counters.silent > 0.75 * len(packets)


def behind_silence(seed: int) -> Listening:
    """A speaker who talks and declares silence."""
    silent = [127] * len(said(*TALK_S))
    return listen(an_ear(seed), said(*TALK_S, levels=silent), until_s=UNTIL_S + 1)


@pytest.mark.parametrize("seed", range(8))
def test_a_liar_who_declares_silence_is_heard_in_full_from_the_sixth_second_on(
    seed: int,
) -> None:
    truth = listen(an_ear(), said(*TALK_S), until_s=UNTIL_S + 1)
    heard = behind_silence(seed)
    assert heard.ear.counters.lies == 1
    late_s = 0.5 + 0.7 + 5.0 + 0.4
    due = [u for u in truth.utterances if (u.started_at - START).total_seconds() > late_s]
    assert due
    for utterance in due:
        assert any(
            abs(utterance.started_at - one.started_at) < timedelta(seconds=0.06)
            for one in heard.utterances
        )


def test_only_rare_luck_lets_a_liar_get_through_a_quarter_of_a_minute() -> None:
    """Luck: every check falls into a pause."""
    assert sum(behind_silence(seed).ear.counters.lies for seed in range(40)) >= 39


def test_loss_in_a_silence_that_is_not_decoded_moves_no_words() -> None:
    at_s = (1.0, 8.0)
    packets = said(*at_s)
    lost = {200, 201, 202, 300, 350, 396, 397}  # some of them just before the second sentence
    kept = [packet for number, packet in enumerate(packets) if number not in lost]
    gated = listen(an_ear(), kept, until_s=UNTIL_S + 1)
    assert gated.ear.counters.lost == len(lost)
    same_words(gated, listen(an_ear(), packets, until_s=UNTIL_S + 1))


def test_the_meter_of_a_track_that_is_not_decoded_shows_its_declared_level() -> None:
    ear = an_ear()
    packets = said()[:300]
    listen(ear, packets, until_s=6.0, close=False)
    assert ear.level_dbfs == -float(packets[-1].level or 0) or ear.level_dbfs == -100
    for packet in said()[300:340]:
        ear.push(packet, START + timedelta(seconds=packet.arrived_s - 1_000 + NETWORK_S))
    assert -70 < ear.level_dbfs < -60


def test_a_silent_track_that_stops_sending_is_called_heard() -> None:
    ear = an_ear()
    listen(ear, said()[:300], until_s=20.0, close=False)
    assert (ear.heard_until() - START).total_seconds() > 15.0
