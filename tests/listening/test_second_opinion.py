"""Segments with a second opinion: a synthetic detector, and Silero on real sounds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.likelihood import WINDOW_BYTES
from asr.speech import EndedBy
from benchmarks.ingest.noises import NOISES
from service.listening.segmenter import DEFAULTS, Segment, Segmenter
from service.listening.silero import load_silero
from service.listening.vad import FRAME_BYTES, webrtc_vad
from tests.listening.sound import CLIPS, FRAME, clip_16k, loud
from tests.listening.test_silero import a_noise

QUIET, NOISE, SPEECH = 20, 1_500, 9_000
"""Amplitudes; `loud` takes the last two for speech, the second opinion only the last."""

Runs = Sequence[tuple[int, int]]
"""An amplitude, and the number of frames."""

runs = st.lists(
    st.tuples(
        st.sampled_from((QUIET, NOISE, SPEECH)),
        st.one_of(st.integers(1, 12), st.integers(10, 60), st.sampled_from((24, 25, 26, 700))),
    ),
    max_size=12,
)


def frames_of(made: Runs) -> bytes:
    noise = np.random.default_rng(0)
    pieces = [noise.uniform(-level, level, count * FRAME) for level, count in made]
    return np.concatenate([np.zeros(0), *pieces]).astype(np.int16).tobytes()


def knowing(pcm: bytes, *, again: bool = False) -> Sequence[float]:
    windows = np.frombuffer(pcm, np.int16).reshape(-1, WINDOW_BYTES // 2)
    return [float(np.abs(each).max() > 2 * NOISE) for each in windows.astype(np.int32)]


def segments(pcm: bytes, *, chunk: int = FRAME_BYTES) -> list[Segment]:
    segmenter = Segmenter(loud, second=knowing)
    found: list[Segment] = []
    for at in range(0, len(pcm), chunk):
        found += segmenter.push(pcm[at : at + chunk])
    return found + segmenter.flush()


def heard(pcm: bytes) -> list[Segment]:
    """Return the segments that the real detectors find."""
    segmenter = Segmenter(webrtc_vad(), second=load_silero().listen())
    return segmenter.push(pcm) + segmenter.flush()


def frames(made: Runs, wanted: int) -> list[int]:
    levels = [level for level, count in made for _ in range(count)]
    return [number for number, level in enumerate(levels) if level == wanted]


@given(runs, st.integers(2, 9_000), st.integers(0, 639))
@settings(max_examples=60)
def test_rechunking_the_audio_never_changes_the_segments(made: Runs, chunk: int, tail: int) -> None:
    pcm = frames_of(made) + bytes(2 * tail)
    assert segments(pcm, chunk=chunk) == segments(pcm)


@given(runs)
@settings(max_examples=80)
def test_a_segment_is_the_sound_at_its_place_and_none_is_given_twice(made: Runs) -> None:
    pcm = frames_of(made)
    complete = 0
    for segment in segments(pcm):
        assert segment.pcm == pcm[2 * segment.start : 2 * segment.end]
        assert segment.opened <= segment.start
        assert segment.speech
        assert all(segment.start <= a < b <= segment.end for a, b in segment.speech)
        assert segment.start + segment.overlap_ms * 16 >= complete
        complete = segment.end


@given(runs)
@settings(max_examples=80)
def test_no_later_segment_begins_before_what_is_called_complete(made: Runs) -> None:
    pcm = frames_of(made)
    segmenter = Segmenter(loud, second=knowing)
    complete = 0
    for at in range(0, len(pcm), FRAME_BYTES):
        for segment in segmenter.push(pcm[at : at + FRAME_BYTES]):
            assert segment.start + segment.overlap_ms * 16 >= complete
        assert segmenter.complete_until >= complete
        complete = segmenter.complete_until
    for segment in segmenter.flush():
        assert segment.start + segment.overlap_ms * 16 >= complete


@given(runs)
@settings(max_examples=80)
def test_speech_is_lost_only_in_stretches_of_less_than_a_quarter_second(made: Runs) -> None:
    kept = {
        number
        for segment in segments(frames_of(made))
        for number in range(segment.start // FRAME, segment.end // FRAME)
    }
    lost = [number for number in frames(made, SPEECH) if number not in kept]
    stretch = longest = 0
    for before, number in zip([-10, *lost], lost, strict=False):
        stretch = stretch + 1 if number == before + 1 else 1
        longest = max(longest, stretch)
    assert longest * 20 < DEFAULTS.shortest_ms


def test_noise_alone_gives_nothing_and_is_counted() -> None:
    segmenter = Segmenter(loud, second=knowing)
    assert segmenter.push(frames_of([(QUIET, 50), (NOISE, 1_000), (QUIET, 50)])) == []
    assert segmenter.flush() == []
    assert segmenter.noise > 5


def test_noise_does_not_hold_a_segment_open() -> None:
    segmenter = Segmenter(loud, second=knowing)
    assert segmenter.push(frames_of([(NOISE, 200), (SPEECH, 50)])) == []
    assert segmenter.speaking
    waited = 0
    while not (found := segmenter.push(frames_of([(NOISE, 1)]))):
        waited += 1
        assert waited < 60, "300 ms of doubt, 500 of silence and a batch"
    (segment,) = found
    assert segment.ended_by is EndedBy.SILENCE
    assert not segmenter.speaking


def test_a_speaker_counts_as_speaking_over_the_cut_of_a_long_speech() -> None:
    def nearly_sure(pcm: bytes, *, again: bool = False) -> Sequence[float]:
        return [0.9] * (len(pcm) // WINDOW_BYTES)

    segmenter = Segmenter(loud, second=nearly_sure)
    segmenter.push(frames_of([(SPEECH, 100)]))
    made = frames_of([(SPEECH, 497), (SPEECH // 2, 3), (SPEECH, 200)])
    parts = 0
    for at in range(0, len(made), FRAME_BYTES):
        parts += len(segmenter.push(made[at : at + FRAME_BYTES]))
        assert segmenter.speaking
    assert parts == 1


def test_a_sentence_in_noise_has_its_pre_roll_and_tail_and_no_more() -> None:
    (segment,) = segments(frames_of([(NOISE, 200), (SPEECH, 50), (NOISE, 200)]))
    assert segment.start / 16 == pytest.approx(4_000 - 400, abs=340)
    assert segment.end / 16 == pytest.approx(5_000 + 300, abs=60)


def test_a_trimmed_start_does_not_change_the_start_that_the_id_is_made_of() -> None:
    (segment,) = segments(frames_of([(QUIET, 100), (NOISE, 35), (SPEECH, 50), (QUIET, 60)]))
    assert segment.opened == (100 - 20) * FRAME
    assert segment.start > segment.opened
    assert segment.onset == 100 * FRAME


def test_nobody_counts_as_speaking_while_the_second_opinion_is_unsure() -> None:
    segmenter = Segmenter(loud, second=knowing)
    segmenter.push(frames_of([(NOISE, 30)]))
    assert segmenter.open_since is not None
    assert not segmenter.speaking
    assert segmenter.copy_open_segment() is None
    segmenter.push(frames_of([(SPEECH, 15)]))
    assert segmenter.copy_open_segment() is not None


@pytest.mark.parametrize("dbfs", [-35.0, -25.0, -15.0])
@pytest.mark.parametrize("kind", sorted(NOISES))
def test_noise_hum_and_music_give_no_segment(kind: str, dbfs: float) -> None:
    assert heard(a_noise(kind, 15.0, dbfs)) == []


def test_every_shipped_sentence_gives_its_segment_at_its_time() -> None:
    pause = bytes(2 * 16_000)
    clips = [clip_16k(path.name) for path in sorted(CLIPS.glob("*.opus"))]
    pcm = pause + pause.join(clips) + pause
    alone = Segmenter(webrtc_vad())
    plain = alone.push(pcm) + alone.flush()
    found = heard(pcm)
    assert len(found) == len(plain)
    for ours, theirs in zip(found, plain, strict=True):
        assert ours.start == pytest.approx(theirs.start, abs=40 * 16)
        assert ours.end == pytest.approx(theirs.end, abs=40 * 16)


@pytest.mark.parametrize("kind", ["pink", "hum", "music"])
def test_a_sentence_in_noise_is_found_whole(kind: str) -> None:
    clip = clip_16k("walt-coffee.opus")
    noise = np.frombuffer(a_noise(kind, 8.0, dbfs=-40.0), np.int16).astype(np.int32)
    said = np.frombuffer(clip, np.int16)
    noise[48_000 : 48_000 + len(said)] += said
    found = heard(np.clip(noise, -32768, 32767).astype(np.int16).tobytes())
    assert found
    assert found[0].start < 48_000 + 1_600
    assert found[-1].end > 48_000 + len(said) - 8_000
    assert sum(len(one.pcm) for one in found) < len(clip) + 2 * 16_000 * 1.5
