from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.quality import (
    COMPRESSION,
    DOUBTS,
    EXPLAINED,
    NO_SPEECH,
    NOISE,
    NOT_SPOKEN,
    PHANTOM,
    REPETITION,
    SPOKEN,
    TOO_FAST,
    UNSURE,
    Signs,
    Trust,
    active_share,
    find_marks,
    has_loop,
    is_doubtful,
    is_phantom,
    level_swing_db,
    trust,
)
from tests.listening.sound import clip_16k

SURE = Signs("we need bread and tea from the market", "en", 2_500, 8, 0.01, -0.1, 0.8, 30.0)


def test_plain_speech_has_no_marks() -> None:
    assert find_marks(SURE) == ()
    assert find_marks(replace(SURE, text="我们今天去公园散步吧", language="zh", tokens=22)) == ()


def test_an_empty_text_has_no_marks() -> None:
    assert find_marks(Signs("", "en", 0, 0, 1.0, -9.0, 0.0, 0.0)) == ()


def test_no_speech_needs_both_the_models_verdict_and_its_uncertainty() -> None:
    assert find_marks(replace(SURE, no_speech=0.9)) == ()
    assert find_marks(replace(SURE, avg_logprob=-1.2)) == (UNSURE,)
    assert find_marks(replace(SURE, no_speech=0.9, avg_logprob=-1.2)) == (NO_SPEECH, UNSURE)


def test_uncertainty_alone_does_not_suppress_alerts() -> None:
    assert not is_doubtful([UNSURE])
    assert not is_doubtful([])
    assert all(is_doubtful([UNSURE, mark]) for mark in DOUBTS)


def test_the_sound_explains_only_marks_about_the_text() -> None:
    assert trust([UNSURE, SPOKEN]) is trust([]) is Trust.SURE
    for mark in DOUBTS:
        assert trust([mark]) is Trust.DOUBTFUL, "as a worker of an earlier release marks it"
        assert trust([mark, NOT_SPOKEN]) is Trust.NONE
        believed = trust([mark, SPOKEN])
        assert believed is (Trust.SURE if mark in EXPLAINED else Trust.DOUBTFUL)
    assert trust([NOISE, REPETITION, SPOKEN]) is Trust.DOUBTFUL
    assert trust(["a mark of a later release"]) is Trust.SURE


def test_a_text_that_repeats_itself_is_marked() -> None:
    looped = "i will see you there " * 12
    assert {COMPRESSION, REPETITION} <= set(
        find_marks(replace(SURE, text=looped, tokens=60, duration_ms=28_000))
    )
    looped = "我会在那里见到你" * 6
    assert REPETITION in find_marks(
        replace(SURE, text=looped, language="zh", tokens=60, duration_ms=20_000)
    )


@pytest.mark.parametrize(
    "said",
    [
        "no no no no no",
        "kill you i will kill you i will kill you",
        "go go go go go go go go",
        "one two three one two three one two three",
        "ha ha ha that is so so funny",
    ],
)
def test_two_or_three_repeats_are_no_loop(said: str) -> None:
    assert find_marks(replace(SURE, text=said, tokens=len(said.split()))) == ()


@given(
    st.lists(st.sampled_from("abcdefghij"), min_size=1, max_size=8),
    st.integers(4, 30),
    st.lists(st.sampled_from("klmn"), max_size=5, unique=True),
)
def test_a_loop_is_found_among_other_words(
    looped: list[str], times: int, around: list[str]
) -> None:
    row = [*around, *(looped * times), *around]
    assert has_loop(row) or len(looped) * times < 12


@given(st.lists(st.integers(0, 10_000), unique=True, max_size=300))
def test_different_words_are_no_loop(words: list[int]) -> None:
    assert not has_loop([str(word) for word in words])


def test_more_words_than_a_person_can_say_are_marked() -> None:
    assert find_marks(replace(SURE, tokens=30)) == (TOO_FAST,)
    assert find_marks(replace(SURE, text="no no no", tokens=3, duration_ms=300)) == ()
    chinese = replace(SURE, text="今天我们去公园散步吧好不好", language="zh", tokens=39)
    assert find_marks(chinese) == (), "three tokens a character are not three characters"
    assert find_marks(replace(chinese, duration_ms=1_000)) == (TOO_FAST,)


@pytest.mark.parametrize(
    "text",
    [
        "Thanks for watching!",
        "Thank you.",
        " you",
        "Subtitles by the Amara.org community",
        "Please subscribe to my channel.",
        "字幕由Amara.org社区提供",
        "请不吝点赞 订阅 转发 打赏支持明镜与点点栏目",
        "請訂閱我的頻道",
        "谢谢大家。",
    ],
)
def test_known_phantoms_are_marked_on_sound_with_hardly_any_speech(text: str) -> None:
    language = "en" if text.isascii() else "zh"
    said = replace(SURE, text=text, language=language, duration_ms=4_000)
    assert is_phantom(text)
    assert find_marks(replace(said, active=0.05)) == (PHANTOM,)
    assert find_marks(replace(said, no_speech=0.5)) == (PHANTOM,)
    assert find_marks(said) == (), "people say it, too"


@pytest.mark.parametrize("text", ["thank you for the gift card", "you fool", "我字幕看不清", ""])
def test_a_text_that_only_begins_like_a_phantom_is_not_marked(text: str) -> None:
    assert not is_phantom(text)


def test_unsure_words_on_steady_sound_are_marked() -> None:
    assert find_marks(replace(SURE, swing_db=3.0, avg_logprob=-0.4)) == (NOISE,)
    assert find_marks(replace(SURE, swing_db=3.0)) == (), "loud noise under plain words"
    assert find_marks(replace(SURE, avg_logprob=-0.4)) == ()


def test_speech_under_loud_noise_is_not_as_steady_as_a_tone() -> None:
    speech = np.frombuffer(clip_16k("walt-coffee.opus"), np.int16).astype(float)
    loudness = speech.std() / 2  # 6 dB below the speech
    noise = np.random.default_rng(3).normal(0, loudness, len(speech))
    assert level_swing_db((speech + noise).astype(np.int16).tobytes()) > 6
    tone = 4_000 * np.sin(2 * np.pi * 440 * np.arange(32_000) / 16_000)
    assert level_swing_db(tone.astype(np.int16).tobytes()) < 1
    assert level_swing_db(b"") == 0.0


def test_speech_stands_out_and_steady_sound_does_not() -> None:
    chance = np.random.default_rng(7)
    time = np.arange(48_000) / 16_000
    steady = {
        "silence": np.zeros(48_000),
        "hiss": chance.normal(0, 2_000, 48_000),
        "hum": 6_000 * np.sin(2 * np.pi * 50 * time) + 2_000 * np.sin(2 * np.pi * 150 * time),
        "whisper of noise": chance.normal(0, 20, 48_000),
    }
    for name, sound in steady.items():
        assert active_share(sound.astype(np.int16).tobytes()) < 0.05, name
    assert active_share(clip_16k("walt-coffee.opus")) > 0.4
    assert active_share(b"") == active_share(b"\0") == 0.0
