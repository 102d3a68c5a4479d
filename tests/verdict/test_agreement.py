from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.speech import Transcript
from service.verdict.agreement import agreed_until
from tests.asr.examples import an_utterance, written


def transcript(text: str, language: str = "en") -> Transcript:
    return replace(written(an_utterance(), text), language=language)


@pytest.mark.parametrize(
    ("before", "now", "agreed"),
    [
        ("I will hurt you", "I will hurt you now", "I will hurt you"),
        ("I will hurt.", "I will, hurt you", "I will, hurt"),
        ("i will hurl", "I will hurt you", "I will"),
        ("", "I will", ""),
        ("something else", "I will", ""),
        ("I will hurt you", "", ""),
    ],
)
def test_words_of_both_transcripts_are_agreed(before: str, now: str, agreed: str) -> None:
    assert now[: agreed_until(transcript(before), transcript(now))] == agreed


def test_characters_count_in_languages_without_spaces() -> None:
    before, now = transcript("我要打死，你", "zh"), transcript("我要打死你们", "zh")
    assert now.text[: agreed_until(before, now)] == "我要打死你"


def test_transcripts_in_two_languages_agree_on_nothing() -> None:
    assert agreed_until(transcript("hello", "en"), transcript("hello", "de")) == 0


@given(st.text(), st.text())
def test_agreed_words_are_a_beginning_of_the_later_transcript(before: str, now: str) -> None:
    assert 0 <= agreed_until(transcript(before), transcript(now)) <= len(now)


@given(st.lists(st.sampled_from(["you", "fool", "gift", "card"]), min_size=1))
def test_a_transcript_agrees_with_itself(words: list[str]) -> None:
    text = " ".join(words)
    assert agreed_until(transcript(text), transcript(text)) == len(text)
