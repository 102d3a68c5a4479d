"""Judging doubtful words by their sound."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.quality import (
    COMPRESSION,
    DOUBTS,
    NO_SPEECH,
    NOISE,
    PHANTOM,
    REPETITION,
    TOO_FAST,
    Trust,
    split_units,
    trust,
)
from asr.silero import load_silero
from asr.sound_check import (
    count_repeats,
    count_syllables,
    find_speech,
    judge_by_sound,
    normalise_level,
    sum_speech_s,
)
from tests.asr.no_speech import KINDS, no_speech
from tests.asr.test_whisper import SAID
from tests.listening.hearing import words
from tests.listening.sound import clip_16k

ABUSE = ("trudy-insult", "walt-address", "mallory-gift-card")
"""Clips of three voices."""
LOOP = (COMPRESSION, REPETITION)


def judged(marks: tuple[str, ...], text: str, pcm: bytes, language: str = "en") -> Trust:
    found = judge_by_sound(marks, text, language, pcm, load_silero().listen())
    assert found[: len(marks)] == marks
    return trust(found)


def repeat_text(text: str, times: int) -> str:
    return " ".join([text] * times)


def repeat_clip(clip: str, times: int = 1, pause_s: float = 0.0) -> bytes:
    one = words(clip_16k(f"{clip}.opus")) + bytes(2 * round(pause_s * 16_000))
    return one * times


def with_noise(pcm: bytes, snr_db: float) -> bytes:
    sound = np.frombuffer(pcm, np.int16).astype(np.float64)
    noise = np.random.default_rng(1).normal(0, sound.std() * 10 ** (-snr_db / 20), len(sound))
    made: bytes = np.clip(sound + noise, -32_768, 32_767).astype(np.int16).tobytes()
    return made


def faster(pcm: bytes, rate: float) -> bytes:
    """Return sound at another tempo and pitch, like a person's variation."""
    sound = np.frombuffer(pcm, np.int16).astype(np.float64)
    made: bytes = np.interp(np.arange(0, len(sound) - 1, rate), np.arange(len(sound)), sound)
    return np.asarray(made).astype(np.int16).tobytes()


@pytest.mark.parametrize("clip", ABUSE)
@pytest.mark.parametrize(("times", "pause_s"), [(2, 0.0), (3, 0.2), (4, 0.0), (6, 0.2), (8, 0.0)])
def test_words_that_were_really_repeated_are_believed(
    clip: str, times: int, pause_s: float
) -> None:
    text = repeat_text(SAID[f"{clip}.opus"], times)
    assert judged(LOOP, text, repeat_clip(clip, times, pause_s)) is Trust.SURE


@pytest.mark.parametrize("clip", ABUSE)
def test_repeats_that_differ_slightly_are_believed(clip: str) -> None:
    rates = (1.0, 0.94, 1.05, 0.98, 1.07)
    pcm = b"".join(faster(repeat_clip(clip), rate) + bytes(3_200) for rate in rates)
    text = repeat_text(SAID[f"{clip}.opus"], len(rates))
    assert judged(LOOP, text, pcm) is Trust.SURE
    assert judged(LOOP, text, with_noise(pcm, 20)) is Trust.SURE


def test_a_repeat_too_many_or_too_few_in_the_text_changes_nothing() -> None:
    said, pcm = SAID["trudy-insult.opus"], repeat_clip("trudy-insult", 5)
    for times in (4, 5, 6):
        assert judged(LOOP, repeat_text(said, times), pcm) is Trust.SURE
    assert judged(LOOP, repeat_text(said, 4) + " and your stupid idiot", pcm) is Trust.SURE


def test_soft_repeats_are_believed_like_loud_ones() -> None:
    text = repeat_text(SAID["trudy-insult.opus"], 4)
    loud = np.frombuffer(repeat_clip("trudy-insult", 4), np.int16)
    soft = (loud * 0.01).astype(np.int16).tobytes()
    assert judged(LOOP, text, soft) is Trust.SURE


@pytest.mark.parametrize("kind", KINDS)
def test_a_loop_over_sound_without_speech_was_not_spoken(kind: str) -> None:
    for seconds, times, dbfs, seed in ((1, 4, -16.0, 1), (8, 12, -16.0, 91), (4, 40, -45.0, 3)):
        pcm = no_speech(kind, seconds, dbfs=dbfs, seed=seed)
        assert judged(LOOP, repeat_text("you are a stupid idiot", times), pcm) is Trust.NONE


@pytest.mark.parametrize("marks", [(NOISE,), (NO_SPEECH, TOO_FAST), (PHANTOM, *LOOP)])
def test_words_without_speech_were_not_spoken_whichever_their_mark(marks: tuple[str, ...]) -> None:
    for kind in ("white noise", "piano", "crowd"):
        pcm = no_speech(kind, 6.0)
        assert judged(marks, repeat_text("you are a stupid idiot", 4), pcm) is Trust.NONE
        assert judged(marks, "我要杀了你" * 4, pcm, "zh") is Trust.NONE


@pytest.mark.parametrize("clip", ["grace-topic", "mallory-jazz", "trudy-guitar", "walt-ticket"])
@pytest.mark.parametrize("times", [3, 8, 30])
def test_a_loop_over_other_speech_stays_doubtful(clip: str, times: int) -> None:
    for said in ("you are a stupid idiot", "i will kill you"):
        assert judged(LOOP, repeat_text(said, times), repeat_clip(clip, 1)) is Trust.DOUBTFUL
    other = (
        repeat_clip(clip)
        + repeat_clip("grace-welcome")
        + repeat_clip("walt-coffee")
        + repeat_clip("mallory-returns")
    )
    assert judged(LOOP, repeat_text("you are a stupid idiot", times), other) is Trust.DOUBTFUL
    assert judged(LOOP, "我要杀了你" * times, other, "zh") is Trust.DOUBTFUL


def test_more_words_than_the_sound_can_hold_stay_doubtful() -> None:
    pcm = repeat_clip("trudy-insult", 2)
    assert judged(LOOP, repeat_text("you are a stupid idiot", 30), pcm) is Trust.DOUBTFUL
    assert judged((TOO_FAST,), repeat_text("one two three four", 9), pcm) is Trust.DOUBTFUL


def test_many_tokens_are_believed_where_the_sound_has_room_for_the_words() -> None:
    """A tokenizer needs many tokens for words of rare languages."""
    assert judged((TOO_FAST,), "तुम बहुत बुरे आदमी हो", repeat_clip("walt-address"), "hi") is Trust.SURE


@pytest.mark.parametrize("mark", sorted(DOUBTS - {COMPRESSION, REPETITION, TOO_FAST}))
def test_a_mark_unrelated_to_repeats_stays_where_somebody_speaks(mark: str) -> None:
    text = repeat_text(SAID["trudy-insult.opus"], 3)
    assert judged((mark,), text, repeat_clip("trudy-insult", 3)) is Trust.DOUBTFUL
    assert judged((mark, *LOOP), text, repeat_clip("trudy-insult", 3)) is Trust.DOUBTFUL


def test_a_short_word_in_a_short_sound_was_perhaps_spoken() -> None:
    """A scrap of speech holds a word, but no loop."""
    scrap = repeat_clip("trudy-insult")[: 2 * 16_000 * 450 // 1000]
    heard_s = sum_speech_s(find_speech(normalise_level(scrap), load_silero().listen()))
    assert 0.2 < heard_s < 0.5
    assert judged((NOISE,), "idiot", scrap) is Trust.DOUBTFUL
    assert judged(LOOP, repeat_text("idiot", 12), scrap) is Trust.NONE


def test_empty_sound_and_empty_words_are_no_error() -> None:
    for pcm in (b"", b"\0\0", bytes(200)):
        assert judged(LOOP, repeat_text("you fool", 9), pcm) is Trust.NONE
        assert judged((NOISE,), ".", pcm) is Trust.NONE
    assert judged((NOISE,), ".", repeat_clip("trudy-insult")) is Trust.DOUBTFUL


def test_repeats_are_counted_by_the_shortest_period_of_most_of_the_text() -> None:
    assert count_repeats(repeat_text("you are a stupid idiot", 4).split()) == 4
    assert count_repeats("no no no no no no".split()) == 6
    assert count_repeats(split_units("我要杀了你，我要杀了你，我要杀了你", "zh")) == 3
    heard_otherwise = "you are an idiot you are an idiot you were an idiot you are an idiot"
    assert count_repeats(heard_otherwise.split()) == 4
    assert count_repeats("we need bread and tea from the market".split()) == 1
    assert count_repeats([]) == count_repeats(["you"]) == 1


@settings(max_examples=50)
@given(
    st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=12, unique=True), st.integers(2, 30)
)
def test_a_phrase_said_n_times_counts_as_n_repeats(phrase: list[str], times: int) -> None:
    assert count_repeats(phrase * times) == times


def test_syllables_are_counted_the_same_in_all_languages() -> None:
    assert count_syllables("我要杀了你。", "zh") == 5
    assert count_syllables("You are a stupid idiot!", "en") == pytest.approx(7.2)  # 8 of them


RECORDED = Path(__file__).parents[3] / "shared" / "data" / "audio" / "leopard_en.wav"


@pytest.mark.shared
@pytest.mark.skipif(not RECORDED.is_file(), reason="needs the shared test data")
@pytest.mark.parametrize("times", [3, 4, 6, 12, 40])
def test_a_loop_over_a_person_s_other_words_stays_doubtful(times: int) -> None:
    pcm = RECORDED.read_bytes()[44:]
    for seconds in (3, 6):
        cut = pcm[: 32_000 * seconds]
        for said in ("you are a stupid idiot", "send me nudes", "i know where you live"):
            assert judged(LOOP, repeat_text(said, times), cut) is Trust.DOUBTFUL
