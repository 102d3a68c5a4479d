from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from policies.languages.plugin import LanguagePlugin
from policies.matchers.exact import ExactPhrases
from policies.normalize import normalize
from tests.policies.writing import EN, ZH

WRITTEN = ["gift", "Card", "don't", "café", "cafe\u0301", "ﬁve", "-", "😀", "..."]
WORDS = st.lists(st.sampled_from(WRITTEN), max_size=8).map(" ".join)


def find(phrases: list[str], text: str, language: LanguagePlugin) -> list[tuple[int, str]]:
    words = normalize(text, language)
    written = {number: normalize(phrase, language) for number, phrase in enumerate(phrases)}
    return [
        (hit.entry, text[slice(*words.span(hit.first, hit.last))])
        for hit in ExactPhrases(written, language.separator).find_hits(words)
    ]


def test_overlapping_phrases_are_all_found() -> None:
    found = find(["gift card", "card codes", "card", "gift card codes"], "gift card codes", EN)
    assert sorted(found) == [
        (0, "gift card"),
        (1, "card codes"),
        (2, "card"),
        (3, "gift card codes"),
    ]


def test_words_that_share_a_space_are_both_found() -> None:
    assert find(["no"], "no no no", EN) == [(0, "no")] * 3


def test_a_phrase_inside_a_word_is_not_found() -> None:
    assert find(["art", "don", "t"], "start artist smart don't", EN) == []


def test_punctuation_is_a_word_boundary() -> None:
    assert find(["art"], "pop-art, (art)", EN) == [(0, "art"), (0, "art")]


def test_chinese_needs_no_boundary() -> None:
    assert find(["验证码", "发给我"], "请把验证码发给我", ZH) == [(0, "验证码"), (1, "发给我")]


def test_chinese_is_found_across_spaces_and_commas_and_shown_as_written() -> None:
    assert find(["验证码发给我"], "请把验证码， 发给 我吧", ZH) == [(0, "验证码， 发给 我")]


def test_a_span_counts_code_points_where_normalizing_changes_lengths() -> None:
    text = "😀 ① ﬁve straße cafe\u0301 GIFT  CARD"
    assert find(["five strasse café gift card"], text, EN) == [
        (0, "ﬁve straße cafe\u0301 GIFT  CARD")
    ]


def test_without_phrases_nothing_is_found() -> None:
    assert find([], "anything", EN) == []


def test_an_empty_text_has_nothing_in_it() -> None:
    assert find(["abc"], "", EN) == []
    assert find(["验证码"], "。", ZH) == []


@given(WORDS, WORDS, WORDS)
def test_a_phrase_is_found_wherever_it_stands(before: str, phrase: str, after: str) -> None:
    words = normalize(phrase, EN).text
    if words:
        text = f"{before} {phrase} {after}"
        assert any(normalize(hit, EN).text == words for _, hit in find([phrase], text, EN))


@given(WORDS, WORDS)
def test_a_span_holds_the_phrase_and_ends_at_word_boundaries(phrase: str, text: str) -> None:
    words = normalize(phrase, EN).text
    if not words:
        return
    for _, found in find([phrase], text, EN):
        assert normalize(found, EN).text == words
