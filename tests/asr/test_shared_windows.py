from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from asr.shared_windows import (
    BETWEEN_MS,
    LONGEST_MS,
    MOST_TOGETHER,
    Joined,
    Segment,
    assign_segments,
    group_utterances,
    may_join,
)
from asr.speech import EndedBy, Utterance, Word
from asr.windows import FULL, Windows
from tests.asr.examples import an_utterance


def lasting(ms: int, id_: str = "u", **more: object) -> Utterance:
    return replace(an_utterance(id_, bytes(32 * ms)), **more)  # type: ignore[arg-type]


@st.composite
def batches(draw: st.DrawFn) -> list[Utterance]:
    return [
        lasting(
            draw(st.integers(0, 20_000)),
            f"u{n}",
            speaker_id=draw(st.sampled_from(["ann", "bob"])),
            part=draw(st.sampled_from([0, 0, 0, 1])),
            ended_by=draw(st.sampled_from([EndedBy.SILENCE, EndedBy.LEFT, EndedBy.LENGTH])),
            revision=draw(st.sampled_from([0, 0, 0, 2])),
        )
        for n in range(draw(st.integers(0, 8)))
    ]


@given(batches())
def test_every_utterance_is_in_one_window_with_its_own_speaker(batch: list[Utterance]) -> None:
    found = group_utterances(batch, Windows().shortest_holding)
    assert sorted(place for group in found for place in group) == list(range(len(batch)))
    for group in found:
        assert group == sorted(group)
        members = [batch[place] for place in group]
        assert len(members) <= MOST_TOGETHER
        assert len({(one.room_id, one.speaker_id) for one in members}) == 1
        if len(members) > 1:
            assert all(map(may_join, members))
            assert Joined(members).duration_ms <= LONGEST_MS


def test_utterances_are_not_joined_across_unbroken_speech() -> None:
    batch = [lasting(900), lasting(900, part=1), lasting(900), lasting(900)]
    assert group_utterances(batch, Windows().shortest_holding) == [[0], [1], [2, 3]]


def test_a_window_is_shared_where_that_makes_it_no_longer() -> None:
    short = Windows((500, 1_000, FULL), margin_ms=200).shortest_holding
    assert group_utterances([lasting(2_000), lasting(2_300)], short) == [[0, 1]]
    assert group_utterances([lasting(2_000), lasting(2_301)], short) == [[0], [1]]
    assert group_utterances([lasting(2_000), lasting(6_000)], short) == [[0, 1]]
    assert group_utterances([lasting(4_000), lasting(6_000)], short) == [[0], [1]]


def test_the_silence_between_two_utterances_is_known() -> None:
    joined = Joined([lasting(1_000), lasting(2_000)])
    assert joined.spans == [(0, 1_000), (1_000 + BETWEEN_MS, 3_000 + BETWEEN_MS)]
    assert len(joined.pcm) == 32 * joined.duration_ms


def test_each_segment_goes_to_its_utterance_with_times_from_its_start() -> None:
    joined = Joined([lasting(1_000), lasting(2_000)])
    heard = [Segment(200, 1_100, "one"), Segment(1_520, 2_400, "two"), Segment(2_400, 3_400, "x")]
    assert assign_segments(joined, heard) == [
        [Segment(200, 1_000, "one")],
        [Segment(20, 900, "two"), Segment(900, 1_900, "x")],
    ]


def test_words_go_with_their_segment_and_stay_within_it() -> None:
    joined = Joined([lasting(1_000), lasting(2_000)])
    early, late = Word("what", 1_300, 1_900, 0.9), Word("now", 2_300, 3_700, 0.8)
    heard = [
        Segment(200, 900, "one", words=[Word("one", 180, 700, 1.0)]),
        Segment(1_700, 2_500, "what now", words=[early, late]),
    ]
    shares = assign_segments(joined, heard)
    assert shares is not None
    first, second = shares
    assert [word for segment in first for word in segment.words] == [Word("one", 200, 700, 1.0)]
    assert [word for segment in second for word in segment.words] == [
        Word("what", 200, 400, 0.9),
        Word("now", 800, 1_000, 0.8),
    ]


def test_words_of_a_segment_that_never_ended_end_with_the_utterance() -> None:
    joined = Joined([lasting(1_000), lasting(2_000)])
    open_ended = Segment(1_700, 1_700, "now", words=[Word("now", 1_800, 9_000, 1.0)])
    shares = assign_segments(joined, [Segment(0, 900, "one"), open_ended])
    assert shares is not None
    assert list(shares[1][0].words) == [Word("now", 300, 2_000, 1.0)]


def test_a_segment_over_a_join_belongs_to_no_utterance() -> None:
    joined = Joined([lasting(1_000), lasting(2_000)])
    assert (
        assign_segments(joined, [Segment(200, 2_400, "one two"), Segment(2_400, 3_000, "x")])
        is None
    )


def test_an_utterance_without_words_may_have_lost_them() -> None:
    assert (
        assign_segments(Joined([lasting(1_000), lasting(2_000)]), [Segment(200, 900, "one")])
        is None
    )
    assert assign_segments(Joined([lasting(1_000), lasting(2_000)]), []) is None
