"""Real Opus packets on a simulated network and clock."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.speech import EndedBy, Utterance
from service.listening.ear import Ear
from service.listening.heard import AudioGap
from service.listening.interim_schedule import InterimSchedule
from service.listening.opus import OpusDecoder
from service.listening.packet import Packet
from service.listening.vad import FRAME_BYTES
from tests.listening.hearing import Listening, listen, loud_span_s, seconds, words
from tests.listening.packets import CLIP, NETWORK_S, START, arrivals, monologue, talk
from tests.listening.sound import clip_16k, likeness, loud

TOLERANCE_S = 0.06


def an_ear(
    *,
    interrupted_at: datetime | None = None,
    decoder: Callable[[], OpusDecoder] = OpusDecoder,
    interims: InterimSchedule | None = None,
) -> Ear:
    return Ear(
        "room",
        "ann",
        vad=loud,
        now=START,
        interrupted_at=interrupted_at,
        decoder=decoder,
        interims=interims,
    )


def assert_on_time(
    utterances: Sequence[Utterance], *at_s: float, tolerance_s: float = TOLERANCE_S
) -> None:
    """Assert that each utterance has the clip's sound at the time at which it was said."""
    assert len(utterances) == len(at_s)
    begins, ends = loud_span_s(clip_16k(CLIP))
    for utterance, second in zip(utterances, at_s, strict=True):
        first, last = loud_span_s(utterance.pcm)
        said_s = second + NETWORK_S
        assert seconds(utterance.started_at) + first == pytest.approx(
            said_s + begins, abs=tolerance_s
        )
        assert seconds(utterance.started_at) + last == pytest.approx(
            said_s + ends, abs=tolerance_s + 0.04
        )


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
