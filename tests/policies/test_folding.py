from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.folding import find_words, fold

ANYTHING = st.text(st.characters(exclude_categories=()), max_size=80)
"""Lone surrogates and unassigned code points too."""
TRICKY = st.text(
    st.sampled_from("aAiIeE'’ ,.-_\t\n0ßŒŉﬁ①㎏℀½½İıſKÅé\u0301\u0323\u0345\u200b\u00ad\ufe0f\u20e3")
    | st.sampled_from("你好，。１Ａｶﾞ가ᄀ\u1161\u11a8के😀"),
    max_size=60,
)


def folded(text: str) -> str:
    found = fold(text).text
    return " ".join(found[begin:end] for begin, end in find_words(found))


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Send me, NOW!", "send me now"),
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
        ("把 验证码，发给我。", "把 验证码 发给我"),
    ],
)
def test_characters_become_plain(text: str, plain: str) -> None:
    assert folded(text) == plain


@given(ANYTHING | TRICKY)
def test_every_place_maps_into_the_original(text: str) -> None:
    found = fold(text)
    for char, start, end in zip(found.text, found.starts, found.ends, strict=True):
        assert 0 <= start < end <= len(text)
        if char.isalnum():
            assert char in fold(text[start:end]).text


@given(TRICKY, TRICKY)
def test_what_is_before_a_gap_does_not_change_what_is_after(before: str, after: str) -> None:
    apart = " ".join(filter(None, (folded(before), folded(after))))
    assert folded(f"{before} . {after}") == apart


@given(ANYTHING | TRICKY)
def test_words_are_one_space_apart_and_begin_with_a_letter_or_digit(text: str) -> None:
    plain = folded(text)
    assert plain == " ".join(plain.split(" ")).strip()
    assert all(word[0].isalnum() for word in plain.split(" ") if word)


@given(st.text(st.characters(max_codepoint=127) | st.sampled_from("你好码，。"), max_size=80))
def test_the_short_ways_agree_with_the_long_way(text: str) -> None:
    short, long = fold(text), fold(f"{text} é")
    size = len(text)
    assert long.text[:size] == short.text
    assert list(long.starts[:size]) == list(short.starts)
    assert list(long.ends[:size]) == list(short.ends)


@pytest.mark.no_cover
@pytest.mark.timeout(10)
@pytest.mark.parametrize("unit", ["\u0301\u0323", "a\u0301", "\u1100\u1161", "'", "你 ", "a "])
def test_a_long_text_takes_linear_time(unit: str) -> None:
    fold(unit * 100_000)
