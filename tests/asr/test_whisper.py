from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from faster_whisper import WhisperModel

from asr.decoding import Decoder, Features, whole_words
from asr.loading import load_whisper
from asr.models import MICRO, micro_directory
from asr.settings import AsrSettings
from asr.speech import EndedBy, Utterance
from asr.transcriber import TranscriptionFailed
from asr.whisper import WhisperTranscriber
from service.simulation.script import DEMO_SCRIPT, load_script
from tests.asr.examples import START, an_utterance
from tests.listening.sound import clip_16k

SAID = {
    line.clip.name: line.text
    for speaker in load_script(DEMO_SCRIPT).speakers
    for line in speaker.lines
}
"""Words of each shipped clip."""


@pytest.fixture(scope="module")
def micro() -> WhisperTranscriber:
    return load_whisper(AsrSettings())


def clips() -> list[Utterance]:
    return [an_utterance(name, clip_16k(name)) for name in SAID]


def test_every_clip_is_transcribed_right_in_batches_of_eight_and_alone(
    micro: WhisperTranscriber,
) -> None:
    utterances = clips()
    batched = [
        transcript
        for at in range(0, len(utterances), 8)
        for transcript in micro.transcribe(utterances[at : at + 8])
    ]
    assert {one.utterance_id: one.text for one in batched} == SAID
    for utterance, transcript in list(zip(utterances, batched, strict=True))[::3]:
        assert micro.transcribe([utterance]) == [transcript]


def test_a_transcript_is_of_its_utterance(micro: WhisperTranscriber) -> None:
    utterance = clips()[0]
    (transcript,) = micro.transcribe([utterance])
    assert (transcript.utterance_id, transcript.room_id) == (utterance.id, "room")
    assert (transcript.started_at, transcript.ended_at) == (START, utterance.ended_at)
    assert (transcript.language, transcript.model) == ("en", MICRO)
    assert transcript.words == ()
    assert not transcript.provisional


def test_further_readings_differ_and_come_only_on_request(
    micro: WhisperTranscriber,
) -> None:
    utterance = clips()[0]
    asked = load_whisper(AsrSettings(hypotheses=3))
    (transcript,) = asked.transcribe([utterance])
    assert transcript.text == SAID[utterance.id]
    assert 1 <= len(transcript.hypotheses) <= 3
    assert len({transcript.text, *transcript.hypotheses}) == 1 + len(transcript.hypotheses)
    assert micro.transcribe([utterance])[0].hypotheses == ()


class Counting(Decoder):
    """A decoder that records the size of each batch."""

    def __init__(self) -> None:
        super().__init__(WhisperModel(str(micro_directory()), device="cpu", compute_type="int8"))
        self.batches: list[int] = []

    def encode(self, windows: Features) -> Any:
        self.batches.append(len(windows))
        return super().encode(windows)


@pytest.mark.parametrize(
    ("utterances", "batches"), [(1, [1]), (4, [4]), (5, [1, 4]), (8, [4, 4]), (10, [5, 5])]
)
def test_windows_beyond_one_batch_are_spread_over_the_lanes(
    utterances: int, batches: list[int]
) -> None:
    decoder = Counting()
    transcriber = WhisperTranscriber(decoder, MICRO, AsrSettings(batch_size=4, lanes=2))
    heard = transcriber.transcribe(clips()[:utterances])
    assert [one.text for one in heard] == list(SAID.values())[:utterances]
    assert sorted(decoder.batches) == batches


@pytest.mark.parametrize("loudness", [0, 30, 300])
def test_silence_and_noise_give_no_words(micro: WhisperTranscriber, loudness: int) -> None:
    noise = np.random.default_rng(1).normal(0, max(loudness, 1e-9), 48_000)
    (transcript,) = micro.transcribe([an_utterance(pcm=noise.astype(np.int16).tobytes())])
    assert transcript.text == ""


def test_no_sound_at_all_gives_no_words(micro: WhisperTranscriber) -> None:
    assert [one.text for one in micro.transcribe([an_utterance(pcm=b"")])] == [""]


def test_sound_as_long_as_the_window_is_transcribed(micro: WhisperTranscriber) -> None:
    (transcript,) = micro.transcribe(
        [an_utterance(pcm=clip_16k("walt-coffee.opus").ljust(960_000, b"\0"))]
    )
    assert transcript.text == SAID["walt-coffee.opus"]


@pytest.mark.parametrize(
    ("part", "ended_by", "timed"),
    [
        (0, EndedBy.SILENCE, False),
        (0, EndedBy.LEFT, False),
        (0, EndedBy.LENGTH, True),
        (1, EndedBy.SILENCE, True),
        (2, EndedBy.LENGTH, True),
    ],
)
def test_words_have_times_where_speech_was_cut(
    micro: WhisperTranscriber, part: int, ended_by: EndedBy, timed: bool
) -> None:
    name = "trudy-slur.opus"
    cut = an_utterance(pcm=clip_16k(name), part=part, ended_by=ended_by)
    (transcript,) = micro.transcribe([cut])
    assert transcript.text == SAID[name]
    assert bool(transcript.words) is timed
    if timed:
        assert " ".join(word.text for word in transcript.words) == transcript.text
        times = [time for word in transcript.words for time in (word.start_ms, word.end_ms)]
        assert times == sorted(times)
        assert times[-1] <= cut.duration_ms + 20
        assert all(0 < word.probability <= 1 for word in transcript.words)


def test_pieces_of_a_word_and_punctuation_are_part_of_the_word() -> None:
    def words(*pieces: str, spaced: bool = True) -> list[tuple[str, int, int]]:
        aligned = [
            {"word": piece, "start": 0.1 * n, "end": 0.1 * (n + 1), "probability": 0.5}
            for n, piece in enumerate(pieces)
        ]
        return [(w.text, w.start_ms, w.end_ms) for w in whole_words(aligned, spaced=spaced)]

    assert words(" at", " five", " o", "'", "clock", ".") == [
        ("at", 0, 100),
        ("five", 100, 200),
        ("o'clock.", 200, 500),
    ]
    assert words(" ", " yes", ",") == [("yes,", 100, 200)]
    assert [text for text, *_ in words("你", "好", spaced=False)] == ["你", "好"]
    assert words() == []


def test_a_cut_part_without_speech_has_no_words(micro: WhisperTranscriber) -> None:
    (transcript,) = micro.transcribe([an_utterance(part=1)])
    assert (transcript.text, transcript.words) == ("", ())


def test_a_batch_that_the_model_refuses_is_one_failure(micro: WhisperTranscriber) -> None:
    with pytest.raises(TranscriptionFailed) as failed:
        micro.transcribe([an_utterance(pcm=b"odd")])
    assert "1 utterances" in str(failed.value)


def test_the_description_names_device_and_compute_type(micro: WhisperTranscriber) -> None:
    assert micro.model == MICRO
    assert micro.describe().startswith("cpu, int8")
