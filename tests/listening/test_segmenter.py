from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.speech import EndedBy
from service.listening.segmenter import DEFAULTS, Segment, Segmenter, SegmenterSettings
from service.listening.vad import FRAME_BYTES, Vad, webrtc_vad
from tests.listening.sound import FRAME, Run, clip_16k, frames_of, loud

SILENT = 25
"""Frames of silence that end a segment."""

runs = st.lists(
    st.tuples(
        st.booleans(),
        st.one_of(st.integers(1, 12), st.integers(10, 60), st.sampled_from((24, 25, 26, 700))),
    ),
    max_size=14,
)


def segments(
    pcm: bytes, *, chunk: int = FRAME_BYTES, vad: Vad = loud, settings: SegmenterSettings = DEFAULTS
) -> list[Segment]:
    """Return all segments of a track with these samples."""
    segmenter = Segmenter(vad, settings)
    found: list[Segment] = []
    for at in range(0, len(pcm), chunk):
        found += segmenter.push(pcm[at : at + chunk])
    return found + segmenter.flush()


def loud_frames(pcm: bytes) -> list[int]:
    return [n for n in range(len(pcm) // FRAME_BYTES) if loud(frame(pcm, n))]


def frame(pcm: bytes, number: int) -> bytes:
    return pcm[number * FRAME_BYTES : (number + 1) * FRAME_BYTES]


def fresh(segment: Segment) -> range:
    """Return the frames of this segment that the one before did not have."""
    start = segment.start // FRAME + segment.overlap_ms // 20
    return range(start, segment.end // FRAME)


@given(runs, st.integers(2, 9_000), st.integers(0, 639))
@settings(max_examples=60)
def test_rechunking_the_audio_never_changes_the_segments(
    made: list[Run], chunk: int, tail: int
) -> None:
    pcm = frames_of(made) + bytes(2 * tail)
    assert segments(pcm, chunk=chunk) == segments(pcm)


@given(runs)
@settings(max_examples=60)
def test_a_segment_is_the_sound_at_its_place(made: list[Run]) -> None:
    pcm = frames_of(made)
    for segment in segments(pcm):
        assert segment.pcm == pcm[2 * segment.start : 2 * segment.end]


@given(runs, st.sampled_from((200, 500, 1000, 3000)))
@settings(max_examples=80)
def test_no_sample_is_in_two_segments_except_in_the_declared_overlap(
    made: list[Run], silence_ms: int
) -> None:
    found = segments(frames_of(made), settings=SegmenterSettings(silence_ms=silence_ms))
    given_out = [number for segment in found for number in fresh(segment)]
    assert given_out == sorted(set(given_out))
    for one, next_one in pairwise(found):
        if next_one.part:
            assert next_one.part == one.part + 1
            assert one.ended_by is EndedBy.LENGTH
            assert next_one.start + next_one.overlap_ms * 16 == one.end
            assert next_one.overlap_ms == DEFAULTS.overlap_ms
        else:
            assert next_one.overlap_ms == 0


@given(runs)
@settings(max_examples=80)
def test_voiced_sound_is_lost_only_in_stretches_of_less_than_a_quarter_second(
    made: list[Run],
) -> None:
    pcm = frames_of(made)
    kept = {number for segment in segments(pcm) for number in fresh(segment)}
    lost = [number for number in loud_frames(pcm) if number not in kept]
    for stretch in stretches(lost):
        assert len(stretch) * 20 < DEFAULTS.shortest_ms


def stretches(numbers: Iterable[int]) -> list[list[int]]:
    """Split the frame numbers where silence is long enough to end a segment."""
    parted: list[list[int]] = []
    for number in numbers:
        if parted and number - parted[-1][-1] <= SILENT:
            parted[-1].append(number)
        else:
            parted.append([number])
    return parted


@given(runs)
@settings(max_examples=60)
def test_no_segment_is_longer_than_the_bound_and_parts_count_up_from_0(made: list[Run]) -> None:
    before: Segment | None = None
    for segment in segments(frames_of(made)):
        assert len(segment.pcm) <= 12_000 * 32
        goes_on = before is not None and before.ended_by is EndedBy.LENGTH and segment.part > 0
        assert segment.part == (before.part + 1 if before is not None and goes_on else 0)
        before = segment


@given(runs, st.integers(1, 5_000))
@settings(max_examples=60)
def test_no_later_segment_begins_before_the_complete_position(made: list[Run], chunk: int) -> None:
    pcm = frames_of(made)
    segmenter = Segmenter(loud)
    complete = 0
    for at in range(0, len(pcm), 2 * chunk):
        for segment in segmenter.push(pcm[at : at + 2 * chunk]):
            assert segment.start + segment.overlap_ms * 16 >= complete
        assert segmenter.complete_until >= complete
        complete = segmenter.complete_until
        assert complete <= segmenter.position
    for segment in segmenter.flush():
        assert segment.start + segment.overlap_ms * 16 >= complete


@pytest.mark.parametrize(("quiet", "preroll_ms"), [(5, 100), (19, 380), (20, 400), (100, 400)])
def test_a_segment_begins_400_ms_before_the_first_word(quiet: int, preroll_ms: int) -> None:
    (segment,) = segments(frames_of([(False, quiet), (True, 40), (False, 60)]))
    assert segment.start == quiet * FRAME - preroll_ms * 16


def test_the_preroll_is_whole_after_a_click_too() -> None:
    click = [(False, 100), (True, 4), (False, 27)]
    (segment,) = segments(frames_of([*click, (True, 40), (False, 60)]))
    assert segment.start == (131 - 20) * FRAME


def test_a_segment_ends_after_500_ms_of_silence_and_keeps_300_of_them() -> None:
    pcm = frames_of([(False, 50), (True, 40), (False, 25)])
    segmenter = Segmenter(loud)
    assert segmenter.push(pcm[:-FRAME_BYTES]) == []
    assert segmenter.speaking
    (segment,) = segmenter.push(pcm[-FRAME_BYTES:])
    assert segment.ended_by is EndedBy.SILENCE
    assert segment.end == (90 + 15) * FRAME
    assert not segmenter.speaking


def test_a_pause_of_480_ms_does_not_end_a_segment() -> None:
    (segment,) = segments(frames_of([(True, 20), (False, 24), (True, 20), (False, 40)]))
    assert segment.end == (64 + 15) * FRAME


@pytest.mark.parametrize(("voiced", "heard"), [(2, 0), (12, 0), (13, 1)])
def test_less_than_250_ms_of_voiced_sound_is_a_click(voiced: int, heard: int) -> None:
    assert len(segments(frames_of([(False, 30), (True, voiced), (False, 60)]))) == heard


def test_voiced_frames_far_apart_open_no_segment() -> None:
    assert segments(frames_of([(True, 1), (False, 3)] * 100)) == []


def test_noise_that_never_stops_is_given_out_in_parts_as_it_comes() -> None:
    segmenter = Segmenter(loud)
    waited = 0
    parts = []
    for _ in range(30 * 50):
        waited += 1
        if found := segmenter.push(frames_of([(True, 1)])):
            parts += found
            waited = segmenter.position // FRAME - found[-1].end // FRAME
        assert waited <= 600
    assert [part.part for part in parts] == list(range(len(parts)))
    assert all(part.ended_by is EndedBy.LENGTH for part in parts)
    assert len(parts) >= 2


def test_a_cut_falls_into_the_quietest_dip_of_the_last_four_seconds() -> None:
    dip = 480
    pcm = bytearray(frames_of([(True, 700)]))
    pcm[(dip - 1) * FRAME_BYTES : (dip + 2) * FRAME_BYTES] = frames_of([(False, 3)])
    first = segments(bytes(pcm))[0]
    assert abs(first.end // FRAME - dip) <= 1


def test_silence_after_a_cut_gives_no_empty_part_and_is_not_repeated() -> None:
    """The quietest dip is the pause that ends the monologue."""
    found = segments(frames_of([(True, 590), (False, 40), (True, 40), (False, 40)]))
    assert [segment.part for segment in found] == [0, 0]
    assert found[1].start >= found[0].end


def test_leaving_ends_the_open_segment_with_the_last_sample() -> None:
    pcm = frames_of([(False, 30), (True, 30)]) + frames_of([(True, 1)])[:101]
    segmenter = Segmenter(loud)
    segmenter.push(pcm)
    (segment,) = segmenter.flush()
    assert segment.ended_by is EndedBy.LEFT
    assert segment.pcm.rstrip(b"\0") == pcm[2 * segment.start :].rstrip(b"\0")
    assert segmenter.flush() == []


def test_the_real_detector_finds_each_of_three_clips_once() -> None:
    pause = bytes(2 * 16_000)
    clips = [
        clip_16k(name) for name in ("trudy-insult.opus", "walt-coffee.opus", "mallory-jazz.opus")
    ]
    pcm = pause + pause.join(clips) + pause
    found = segments(pcm, vad=webrtc_vad())
    assert len(found) == 3
    at = len(pause)
    for segment, clip in zip(found, clips, strict=True):
        assert 2 * segment.start < at + len(clip) // 4, "from the beginning"
        assert 2 * segment.end > at + len(clip) * 3 // 4, "to the end"
        at += len(clip) + len(pause)
    assert segments(pcm, chunk=1_234, vad=webrtc_vad()) == found


@pytest.mark.parametrize("made", [[], [(False, 300)], [(True, 2)]])
def test_where_nobody_speaks_there_are_no_segments(made: Sequence[Run]) -> None:
    assert segments(frames_of(made)) == []
