"""The demo model on windows of several lengths, shared windows, and sound without speech."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from asr.loading import load_whisper
from asr.quality import MARKS
from asr.settings import AsrSettings
from asr.speech import EndedBy, Utterance
from asr.transcriber import Effort, WindowedTranscriber
from asr.whisper import WhisperTranscriber
from asr.windows import FULL, Windows
from policies.load import load_folder
from policies.matcher import Matcher
from policies.packs import demo_packs, shipped_packs
from service.verdict.transcript_matches import TranscriptMatcher
from tests.asr.examples import an_utterance
from tests.asr.test_whisper import SAID
from tests.listening.sound import clip_16k

GRACE = [name for name in SAID if name.startswith("grace")]


@pytest.fixture(scope="module")
def micro() -> WhisperTranscriber:
    return load_whisper(AsrSettings())


def a_clip(name: str, **more: object) -> Utterance:
    return replace(an_utterance(name, clip_16k(name)), **more)  # type: ignore[arg-type]


def test_a_batch_of_several_windows_comes_out_in_its_order(micro: WhisperTranscriber) -> None:
    names = list(SAID)[:4]
    lengths_ms = (0, 8_000, 13_000, 25_000)
    batch = [
        an_utterance(name, clip_16k(name).ljust(32 * length_ms, b"\0"))
        for name, length_ms in zip(names, lengths_ms, strict=True)
    ]
    assert [micro.window_frames(one.duration_ms) for one in batch] == [500, 1_000, 1_500, FULL]
    mixed = micro.transcribe([batch[2], batch[0], batch[3], batch[1]])
    assert [one.text for one in mixed] == [SAID[names[at]] for at in (2, 0, 3, 1)]


def test_words_have_the_same_times_in_a_short_window(micro: WhisperTranscriber) -> None:
    whole = load_whisper(AsrSettings())
    whole.windows = Windows()
    for name in GRACE:
        cut = a_clip(name, ended_by=EndedBy.LENGTH)
        (short,), (long,) = micro.transcribe([cut]), whole.transcribe([cut])
        assert short.text == long.text == SAID[name]
        assert len(short.words) == len(long.words)
        for one, other in zip(short.words, long.words, strict=True):
            assert abs(one.start_ms - other.start_ms) <= 200


def test_clips_of_speech_have_no_marks(micro: WhisperTranscriber) -> None:
    for effort in Effort:
        heard = micro.transcribe([a_clip(name) for name in SAID], effort=effort)
        assert [one.text for one in heard] == list(SAID.values())
        assert all(one.marks == () for one in heard)


def test_utterances_that_share_a_window_each_get_their_own_words(micro: WhisperTranscriber) -> None:
    assert isinstance(micro, WindowedTranscriber)
    batch = [a_clip(name, speaker_id=name.split("-")[0]) for name in SAID]
    for frames in (Windows(), micro.windows):
        together = load_whisper(AsrSettings())
        together.windows = frames
        heard = together.transcribe(batch, coalesce=True)
        assert [one.utterance_id for one in heard] == [one.id for one in batch]
        assert all(
            (one.speaker_id, one.started_at, one.ended_at)
            == (said.speaker_id, said.started_at, said.ended_at)
            for one, said in zip(heard, batch, strict=True)
        )
        wrong = [one for one in heard if one.text != SAID[one.utterance_id]]
        assert len(wrong) <= len(SAID) // 4
        others = {one.text for one in heard} & set(SAID.values())
        assert all(one.text not in others for one in wrong), "nobody gets another's words"


def test_words_of_a_shared_window_have_the_same_times_as_alone() -> None:
    together = load_whisper(AsrSettings())
    together.windows = Windows()
    batch = [a_clip(name, speaker_id=name.split("-")[0]) for name in SAID]
    off_ms = []
    for one, heard in zip(batch, together.transcribe(batch, coalesce=True), strict=True):
        (alone,) = together.transcribe([replace(one, ended_by=EndedBy.LENGTH)])
        if not heard.words or heard.text != alone.text:  # decoded alone, or with other words
            continue
        assert " ".join(word.text for word in heard.words) == heard.text
        assert all(0 <= word.start_ms <= word.end_ms <= one.duration_ms for word in heard.words)
        pairs = zip(heard.words, alone.words, strict=True)
        off_ms += [abs(word.start_ms - other.start_ms) for word, other in pairs]
    assert len(off_ms) > 100
    assert sorted(off_ms)[len(off_ms) // 2] <= 150


def test_silence_among_utterances_that_share_a_window_has_no_words(
    micro: WhisperTranscriber,
) -> None:
    speech, silence = a_clip(GRACE[0]), an_utterance("silence")
    together = load_whisper(AsrSettings())
    together.windows = Windows()
    heard = together.transcribe([speech, silence, replace(speech, id="again")], coalesce=True)
    assert [one.text for one in heard] == [SAID[GRACE[0]], "", SAID[GRACE[0]]]


def test_an_interim_transcript_is_marked_as_such_and_has_word_times(
    micro: WhisperTranscriber,
) -> None:
    (heard,) = micro.transcribe([a_clip(GRACE[0], revision=2)])
    assert (heard.provisional, heard.revision) == (True, 2)
    assert heard.words


def made(sound: NDArray[np.float64]) -> bytes:
    return np.clip(sound, -32_768, 32_767).astype(np.int16).tobytes()


TIME = np.arange(6 * 16_000) / 16_000
CHANCE = np.random.default_rng(11)
SOUNDS: dict[str, Callable[[], bytes]] = {
    "silence": lambda: bytes(192_000),
    "hiss": lambda: made(CHANCE.normal(0, 1_500, len(TIME))),
    "hum": lambda: made(
        4_000 * np.sin(2 * np.pi * 50 * TIME) + 1_500 * np.sin(2 * np.pi * 150 * TIME)
    ),
    "music": lambda: made(
        sum(
            (2_500 * np.sin(2 * np.pi * pitch * TIME) * np.exp(-3 * ((TIME + n / 4) % 1))
            for n, pitch in enumerate((220.0, 277.2, 329.6, 440.0))),
            np.zeros(len(TIME)),
        )
    ),
    "clicks": lambda: made(np.where(np.arange(len(TIME)) % 8_000 < 40, 20_000.0, 0.0)),
    "breath": lambda: made(
        CHANCE.normal(0, 1_500, len(TIME)) * np.maximum(0, np.sin(2 * np.pi * TIME / 3)) ** 2
    ),
    "tone that rises": lambda: made(5_000 * np.sin(2 * np.pi * (100 + 150 * TIME) * TIME)),
}  # fmt: skip


def alerts(micro: WhisperTranscriber, pcm: bytes) -> int:
    """Count the matches of all shipped packs on the transcript of this sound."""
    utterance = an_utterance(pcm=pcm)
    (heard,) = micro.transcribe([utterance])
    matchers = [Matcher(load_folder(folder)) for folder in (shipped_packs(), demo_packs())]
    readers = [TranscriptMatcher(lambda matcher=matcher: matcher) for matcher in matchers]  # type: ignore[misc]
    return sum(len(reader.match_final(utterance, heard, None).live) for reader in readers)


@pytest.mark.parametrize("name", SOUNDS)
def test_sound_without_speech_raises_nothing(micro: WhisperTranscriber, name: str) -> None:
    assert alerts(micro, SOUNDS[name]()) == 0


RECORDED = Path(__file__).parents[3] / "shared" / "data" / "audio" / "leopard_no_speech.wav"


@pytest.mark.skipif(not RECORDED.is_file(), reason="needs the shared test data")
def test_a_recording_without_speech_raises_nothing(micro: WhisperTranscriber) -> None:
    pcm = RECORDED.read_bytes()[44:]
    for at in range(0, len(pcm), 32 * 6_000):
        assert alerts(micro, pcm[at : at + 32 * 6_000]) == 0


def test_every_mark_has_its_words_on_the_console_in_both_languages() -> None:
    console = Path(__file__).parents[2] / "service" / "feed" / "console"
    known = (console / "views" / "talk.js").read_text("utf-8")
    for mark in MARKS:
        assert f'"{mark}"' in known
        for language in ("en", "zh"):
            words = (console / "words" / f"panels.{language}.js").read_text("utf-8")
            assert f'"doubt.{mark}"' in words
