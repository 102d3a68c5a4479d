"""The real model on the shipped voices and on other sounds."""

from __future__ import annotations

import numpy as np
import pytest

from asr.likelihood import WINDOW_BYTES
from benchmarks.ingest.noises import NOISES
from service.listening.silero import load_silero
from tests.listening.sound import CLIPS, clip_16k


def whole(pcm: bytes) -> bytes:
    return pcm[: len(pcm) // WINDOW_BYTES * WINDOW_BYTES]


def a_noise(kind: str, seconds: float, dbfs: float = -25.0) -> bytes:
    made = NOISES[kind](round(seconds * 16_000))
    scaled = made * 32768 * 10 ** (dbfs / 20) / np.sqrt(np.mean(made**2))
    pcm: bytes = np.clip(scaled, -32768, 32767).astype(np.int16).tobytes()
    return pcm


@pytest.mark.parametrize("clip", sorted(path.name for path in CLIPS.glob("*.opus")))
def test_every_voice_is_mostly_speech(clip: str) -> None:
    found = load_silero().listen()(whole(clip_16k(clip)))
    assert sum(each >= 0.5 for each in found) / len(found) > 0.5


@pytest.mark.parametrize("kind", sorted(NOISES))
def test_noise_hum_and_music_are_no_speech(kind: str) -> None:
    found = load_silero().listen()(whole(a_noise(kind, 5.0)))
    assert sum(each >= 0.5 for each in found) / len(found) < 0.02


@pytest.mark.parametrize("together", [1, 3, 8, 50])
def test_the_number_of_windows_in_a_call_changes_nothing(together: int) -> None:
    pcm = whole(clip_16k("trudy-insult.opus"))
    listener = load_silero().listen()
    found: list[float] = []
    for at in range(0, len(pcm), together * WINDOW_BYTES):
        found += listener(pcm[at : at + together * WINDOW_BYTES])
    assert found == pytest.approx(load_silero().listen()(pcm), abs=1e-3)


def test_two_listeners_share_no_memory() -> None:
    pcm = whole(clip_16k("trudy-insult.opus"))
    alone = load_silero().listen()(pcm)
    one, other = load_silero().listen(), load_silero().listen()
    other(whole(a_noise("music", 2.0)))
    assert one(pcm) == alone


def test_hearing_again_undoes_the_last_call() -> None:
    speech, music = whole(clip_16k("trudy-insult.opus")), whole(a_noise("music", 2.0))
    one, other = load_silero().listen(), load_silero().listen()
    one(music), other(music)
    one(speech[-8 * WINDOW_BYTES :])
    assert one(speech, again=True) == other(speech)
    assert one(music) == other(music)
