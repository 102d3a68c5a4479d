"""Ears behind a bad network: loss, jitter, outages, jumps and hostile packets."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.speech import Utterance
from service.listening.opus import OpusDecoder
from service.listening.packet import Packet
from service.listening.vad import FRAME_BYTES
from tests.listening.ears import TOLERANCE_S, an_ear, assert_on_time
from tests.listening.hearing import Listening, listen, seconds, words
from tests.listening.packets import NETWORK_S, arrivals, monologue, talk
from tests.listening.sound import likeness, loud


class _Counting(OpusDecoder):
    """Counts the samples of each kind of concealment."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: dict[str, int] = {"recover": 0, "conceal": 0}

    def recover(self, payload: bytes, samples: int) -> bytes:
        self.asked["recover"] += samples
        return super().recover(payload, samples)

    def conceal(self, samples: int) -> bytes:
        self.asked["conceal"] += samples
        return super().conceal(samples)


@given(
    sequence=st.sampled_from((0, 65_400, 65_530)),
    timestamp=st.sampled_from((0, (1 << 32) - 60_000, (1 << 32) - 200_000, (1 << 31) - 30_000)),
)
@settings(max_examples=8)
def test_sequence_numbers_and_timestamps_wrap_unnoticed(sequence: int, timestamp: int) -> None:
    packets = arrivals(talk(1.0, until_s=3), sequence=sequence, timestamp=timestamp)
    plain = arrivals(talk(1.0, until_s=3))
    heard = listen(an_ear(), packets, until_s=4)
    assert [u.pcm for u in heard.utterances] == [
        u.pcm for u in listen(an_ear(), plain, until_s=4).utterances
    ]
    assert_on_time(heard.utterances, 1.0)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=10)
def test_packets_that_overtake_each_other_change_nothing(seed: int) -> None:
    chance = random.Random(seed)
    sent = talk(1.0, until_s=3)
    jittery = arrivals(
        sent, delay_s=lambda number, _: NETWORK_S + number and chance.random() * 0.06
    )
    (heard,) = listen(an_ear(), jittery, until_s=4).utterances
    (straight,) = listen(an_ear(), arrivals(sent), until_s=4).utterances
    assert words(straight.pcm) in heard.pcm
    assert_on_time([heard], 1.0, tolerance_s=TOLERANCE_S + 0.06)


@given(seed=st.integers(0, 10_000), share=st.sampled_from((0.01, 0.05, 0.2)))
@settings(max_examples=12)
def test_scattered_loss_moves_no_words_and_makes_no_gap(seed: int, share: float) -> None:
    chance = random.Random(seed)
    packets = arrivals(talk(1.0, 5.0, until_s=8))
    kept = [packet for packet in packets if chance.random() >= share]
    heard = listen(an_ear(), kept, until_s=9)
    begins = [seconds(u.started_at) for u in heard.utterances]
    assert begins == pytest.approx([1.0 + NETWORK_S - 0.4 + 0.0, 5.0 + NETWORK_S - 0.4], abs=0.4)
    assert heard.gaps == []
    assert heard.ear.counters.lost > 0 or share < 0.05


def test_loss_of_single_packets_keeps_the_length_and_the_times() -> None:
    packets = arrivals(talk(1.0, 5.0, until_s=8))
    kept = [packet for number, packet in enumerate(packets) if number % 9 != 4]
    heard = listen(an_ear(), kept, until_s=9)
    assert_on_time(heard.utterances, 1.0, 5.0)


def test_a_lost_packet_is_put_back_from_the_copy_in_the_next_one() -> None:
    packets = arrivals(talk(1.0, until_s=3))
    kept = [packet for number, packet in enumerate(packets) if number % 5 != 4]
    counting = _Counting()
    whole = listen(an_ear(), packets, until_s=4).utterances[0]
    mended = listen(an_ear(decoder=lambda: counting), kept, until_s=4).utterances[0]
    assert counting.asked["recover"] > 0
    assert counting.asked["conceal"] == 0
    assert likeness(whole.pcm, mended.pcm) > 0.9, "a fifth was lost"


def test_the_copy_is_placed_right_before_the_packet_that_carries_it() -> None:
    """The first packet after a silence without packets was lost: the word begins with it."""
    packets = arrivals(talk(1.2, until_s=3))
    stamps = [packet.timestamp for packet in packets]
    first = next(
        n
        for n in range(5, len(stamps))
        if stamps[n + 1] - stamps[n] == 960 and (stamps[n] - stamps[n - 1] > 960)
    )
    lacking = [packet for number, packet in enumerate(packets) if number != first]
    whole = listen(an_ear(), packets, until_s=4).utterances[0]
    mended = listen(an_ear(), lacking, until_s=4).utterances[0]
    assert mended.started_at == pytest.approx(whole.started_at, abs=timedelta(seconds=0.02))
    assert len(mended.pcm) == pytest.approx(len(whole.pcm), abs=1_300)


def test_half_a_second_lost_in_speech_is_a_gap_at_its_time() -> None:
    packets = arrivals(monologue(6))
    kept = [packet for packet in packets if not 1_002.0 <= packet.arrived_s < 1_002.8]
    (gap,) = listen(an_ear(), kept, until_s=8).gaps
    assert seconds(gap.from_at) == pytest.approx(1.98, abs=0.06)
    assert seconds(gap.to_at) == pytest.approx(2.78, abs=0.06)
    assert gap.reason == "packets lost on the way"


def test_a_long_loss_is_a_gap_of_its_length() -> None:
    packets = arrivals(monologue(30))
    kept = [packet for packet in packets if not 1_002.0 <= packet.arrived_s < 1_025.0]
    (gap,) = listen(an_ear(), kept, until_s=32).gaps
    assert seconds(gap.to_at) - seconds(gap.from_at) == pytest.approx(23.0, abs=0.1)


def test_a_lost_packet_of_silence_is_no_gap() -> None:
    """With DTX one packet covers 400 ms of silence, but its loss is a loss of 20 ms."""
    packets = arrivals(talk(1.0, until_s=8))
    kept = [packet for number, packet in enumerate(packets) if number not in (3, len(packets) - 4)]
    heard = listen(an_ear(), kept, until_s=9)
    assert heard.gaps == []
    assert heard.ear.counters.lost == 2


@pytest.mark.parametrize("outage_s", [0.5, 1.0, 2.0])
def test_a_burst_after_an_outage_is_heard_at_its_time(outage_s: float) -> None:
    """The outage falls into silence, the words into the outage."""
    fell_s = 0.9

    def delayed(_: int, at_s: float) -> float:
        back_s = fell_s + outage_s
        return max(NETWORK_S, back_s - at_s) if at_s > fell_s else NETWORK_S

    heard = listen(an_ear(), arrivals(talk(1.0, 5.0, until_s=8), delay_s=delayed), until_s=9)
    assert_on_time(heard.utterances, 1.0, 5.0)
    assert heard.gaps == []


def test_an_outage_inside_a_word_loses_no_sound() -> None:
    def delayed(_: int, at_s: float) -> float:
        return max(NETWORK_S, 3.8 - at_s) if at_s > 1.8 else NETWORK_S

    sent = talk(1.0, until_s=6)
    heard = listen(an_ear(), arrivals(sent, delay_s=delayed), until_s=7)
    straight = listen(an_ear(), arrivals(sent), until_s=7)

    def voiced(listening: Listening) -> int:
        pcm = b"".join(u.pcm for u in listening.utterances)
        return sum(loud(pcm[at : at + FRAME_BYTES]) for at in range(0, len(pcm) - 639, FRAME_BYTES))

    assert voiced(heard) == pytest.approx(voiced(straight), abs=3)


def test_jitter_shorter_than_the_closing_silence_puts_no_hole_into_a_word() -> None:
    """Every half second the network stops for 150 ms, and then delivers all at once."""

    def delayed(_: int, at_s: float) -> float:
        return NETWORK_S + max(0.0, 0.15 - at_s % 0.5)

    sent = talk(1.0, until_s=4)
    (heard,) = listen(an_ear(), arrivals(sent, delay_s=delayed), until_s=5).utterances
    (straight,) = listen(an_ear(), arrivals(sent), until_s=5).utterances
    assert words(straight.pcm) in heard.pcm
    assert_on_time([heard], 1.0)


@pytest.mark.parametrize("stall_s", [0.25, 0.4, 0.5])
def test_a_stall_in_a_word_shorter_than_the_closing_silence_puts_no_hole_into_it(
    stall_s: float,
) -> None:
    """Nothing comes for a while, as from a busy machine, and then everything at once."""

    def delayed(_: int, at_s: float) -> float:
        return max(NETWORK_S, 1.8 + stall_s - at_s) if at_s > 1.8 else NETWORK_S

    sent = talk(1.0, until_s=4)
    (heard,) = listen(an_ear(), arrivals(sent, delay_s=delayed), until_s=5).utterances
    (straight,) = listen(an_ear(), arrivals(sent), until_s=5).utterances
    assert words(straight.pcm) in heard.pcm
    assert_on_time([heard], 1.0)


@pytest.mark.parametrize("jump_s", [-40_000.0, -3.0, 1.5, 3_600.0])
def test_media_time_that_jumps_between_words_moves_none_of_them(jump_s: float) -> None:
    jump = round(jump_s * 48_000)
    packets = [
        replace(packet, timestamp=(packet.timestamp + jump) % (1 << 32))
        if packet.arrived_s > 1_003.5
        else packet
        for packet in arrivals(talk(1.0, 5.0, until_s=8), timestamp=1 << 31)
    ]
    heard = listen(an_ear(), packets, until_s=9)
    assert_on_time(heard.utterances, 1.0, 5.0)
    assert heard.gaps == []


def test_sequence_numbers_that_begin_anew_lose_no_word() -> None:
    packets = [
        replace(packet, sequence=packet.sequence - 150) if packet.arrived_s > 1_003.5 else packet
        for packet in arrivals(talk(1.0, 5.0, until_s=8), sequence=10_000)
    ]
    heard = listen(an_ear(), packets, until_s=9)
    assert_on_time(heard.utterances, 1.0, 5.0)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 65_535) | st.integers(0, 40),
            st.integers(0, (1 << 32) - 1) | st.integers(0, 40_000),
            st.binary(min_size=1, max_size=60),
            st.integers(0, 400),
        ),
        max_size=60,
    )
)
@settings(max_examples=40)
def test_a_hostile_sender_can_neither_break_an_ear_nor_move_it_into_the_future(
    sent: list[tuple[int, int, bytes, int]],
) -> None:
    packets = []
    now_s = 1_000.0
    for sequence, timestamp, payload, pause_ms in sent:
        now_s += pause_ms / 1000
        packets.append(Packet(sequence, timestamp, None, payload, now_s))
    heard = listen(an_ear(), packets, until_s=now_s - 1_000 + 2)
    for given_s, item in heard.given:
        if isinstance(item, Utterance):
            assert seconds(item.started_at) <= given_s
    ids = [u.id for u in heard.utterances]
    assert len(ids) == len(set(ids))
