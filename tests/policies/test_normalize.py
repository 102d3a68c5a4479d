from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.language import Language
from policies.normalize import normalize

LANGUAGES = st.sampled_from(Language)
ANYTHING = st.text(st.characters(exclude_categories=()), max_size=80)
"""Lone surrogates and unassigned code points too."""
TRICKY = st.text(
    st.sampled_from("aAiIeE'’ ,.-_\t\n0ßŒŉﬁ①㎏℀½½İıſKÅé\u0301\u0323\u0345\u200b\u00ad\ufe0f\u20e3")
    | st.sampled_from("你好，。１Ａｶﾞ가ᄀ\u1161\u11a8के😀"),
    max_size=60,
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Send me, NOW!", "send me now"),
        ("don't", "don't"),
        ("don’t", "don't"),
        ("don`t ‘quote’ players' 'n'", "don't quote players n"),
        ("  two\t\nlines  ", "two lines"),
        ("ﬁve ℀ Ⅳ １２", "five a c iv 12"),
        ("STRASSE straße", "strasse strasse"),
        ("cafe\u0301 café", "café café"),
        ("gi\u200bft\u00ad card", "gift card"),
        ("snake_case-word", "snake case word"),
        ("\u0301 \u0345", "ι"),
        ("''' ...", ""),
        ("", ""),
    ],
)
def test_text_becomes_plain_words(text: str, words: str) -> None:
    assert normalize(text, Language.EN).text == words


def test_chinese_loses_spaces_and_punctuation_and_width() -> None:
    assert normalize("把 验证码，ＰＩＮ 发给 我。", Language.ZH).text == "把验证码pin发给我"


@given(ANYTHING | TRICKY, LANGUAGES)
def test_every_place_maps_into_the_original(text: str, language: Language) -> None:
    words = normalize(text, language)
    for place, char in enumerate(words.text):
        if char == " ":
            continue
        start, end = words.span(place, place + 1)
        assert 0 <= start < end <= len(text)
        if char.isalnum():
            assert char in normalize(text[start:end], language).text


@given(ANYTHING | TRICKY, LANGUAGES)
def test_a_stretch_of_words_normalizes_to_itself(text: str, language: Language) -> None:
    words = normalize(text, language)
    size = len(words.text)
    if size:
        start, end = words.span(0, size)
        assert normalize(text[start:end], language).text == words.text


@given(TRICKY, TRICKY)
def test_what_is_before_a_gap_does_not_change_what_is_after(before: str, after: str) -> None:
    apart = [normalize(part, Language.EN).text for part in (before, after)]
    together = normalize(f"{before} . {after}", Language.EN).text
    assert together == " ".join(part for part in apart if part)


@given(ANYTHING | TRICKY)
def test_words_are_one_space_apart_and_begin_with_a_letter_or_digit(text: str) -> None:
    words = normalize(text, Language.EN).text
    assert words == " ".join(words.split(" ")).strip()
    assert all(word[0].isalnum() for word in words.split(" ") if words)


@given(st.text(st.characters(max_codepoint=127), max_size=80), LANGUAGES)
def test_the_short_way_for_ascii_agrees_with_the_long_way(text: str, language: Language) -> None:
    short = normalize(text, language)
    long = normalize(f"{text} …", language)
    assert short.text == long.text
    for place in range(len(short.text)):
        if short.text[place] != " ":
            assert short.span(place, place + 1) == long.span(place, place + 1)


@pytest.mark.timeout(10)
@pytest.mark.parametrize("unit", ["\u0301\u0323", "a\u0301", "\u1100\u1161", "'", "你 ", "a "])
def test_a_long_text_takes_linear_time(unit: str) -> None:
    normalize(unit * 100_000, Language.EN)
