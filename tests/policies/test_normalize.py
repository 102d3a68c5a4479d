from __future__ import annotations

import opencc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.languages import load_languages
from policies.languages.plugin import LanguagePlugin
from policies.normalize import normalize
from tests.policies.test_folding import ANYTHING, TRICKY
from tests.policies.writing import EN, ZH

LANGUAGES = st.sampled_from(load_languages())
SAID = st.lists(
    st.sampled_from(
        "send me the code two hundred and five nine one one i'm gonna don't a t m um er o t p "
        "911 1,000 twenty million and you've can not".split(" ")
    ),
    max_size=14,
).map(" ".join)
HAN = st.text(st.sampled_from("把驗證碼验证码發给我一二三十百千万幺零两嗯啊，1 9pin"), max_size=30)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don’t! I'm gonna", "do not i am going to"),
        ("um, er, well", "well"),
        ("an A.T.M. or a t m", "an atm or atm"),
        ("i a am", "i a am"),
        ("911, nine one one", "9 1 1 9 1 1"),
        ("nineteen eighty four", "1 9 8 4"),
        ("one hundred and five", "1 0 5"),
        ("a hundred thousand dollars", "1 0 0 0 0 0 dollars"),
        ("two thousand and I", "2 0 0 0 and i"),
        ("five thousand six thousand", "5 0 0 0 6 0 0 0"),
        ("twenty-five and twenty twelve", "2 5 and 2 0 1 2"),
        ("hundreds, a thousand things", "hundreds 1 0 0 0 things"),
        ("$1,000", "1 0 0 0"),
        ("oh seven eight oh five one oh", "0 7 8 0 5 1 oh"),
        ("oh one more thing, oh", "oh 1 more thing oh"),
        ("that's what he's for", "that is what he is for"),
        ("we'll be in hell, well", "we will be in hell well"),
        ("", ""),
    ],
)
def test_english_is_written_out_alike(text: str, words: str) -> None:
    assert normalize(text, EN).text == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("把 驗證碼，ＰＩＮ 發給 我。", "把验证码pin发给我"),
        ("一百一十", "110"),
        ("幺幺零", "110"),
        ("三千五百块", "3500块"),
        ("一起，万一，千万别", "1起万1千万别"),
        ("两万", "20000"),
        ("嗯我呃知道啊", "我知道"),
        ("一个pin码 don't", "1个pin码don't"),
        ("１００塊", "100块"),
    ],
)
def test_chinese_is_written_alike(text: str, words: str) -> None:
    assert normalize(text, ZH).text == words


@given(ANYTHING | TRICKY | SAID | HAN, LANGUAGES)
def test_every_word_maps_into_the_original(text: str, language: LanguagePlugin) -> None:
    words = normalize(text, language)
    for number, word in enumerate(words.words):
        start, end = words.span(number, number)
        assert 0 <= start < end <= len(text)
        assert set(word) <= set(normalize(text[start:end], language).text)


@given(ANYTHING | TRICKY | SAID | HAN, LANGUAGES)
def test_all_words_together_normalize_to_themselves(text: str, language: LanguagePlugin) -> None:
    words = normalize(text, language)
    if words.words:
        start, end = words.span(0, len(words.words) - 1)
        assert normalize(text[start:end], language).text == words.text


@given(SAID | TRICKY, LANGUAGES)
def test_a_place_in_the_text_belongs_to_its_word(text: str, language: LanguagePlugin) -> None:
    words = normalize(text, language)
    place = 0
    for number, word in enumerate(words.words):
        assert words.begins_at(place)
        assert [words.word_at(place + at) for at in range(len(word))] == [number] * len(word)
        place += len(word) + len(language.separator)


@given(SAID)
def test_case_makes_no_difference(text: str) -> None:
    assert normalize(text.upper(), EN).words == normalize(text, EN).words


@given(HAN)
def test_traditional_characters_make_no_difference(text: str) -> None:
    simplified = opencc.OpenCC("t2s").convert(text)
    assert normalize(simplified, ZH).words == normalize(text, ZH).words


@given(st.lists(st.sampled_from("so then we went home and said".split()), max_size=8), SAID)
def test_plain_words_around_change_nothing(around: list[str], said: str) -> None:
    """But for "and", which may belong to a number before it."""
    before = " ".join(["said", *around, "said"])
    inside = normalize(f"{before} . {said} . said", EN).words
    assert list(inside) == [*before.split(), *normalize(said, EN).words, "said"]


@pytest.mark.no_cover
@pytest.mark.timeout(10)
@pytest.mark.parametrize("unit", ["nine ", "a t m ", "hundred ", "um ", "two thousand and ", "1,"])
def test_a_long_text_takes_linear_time(unit: str) -> None:
    words = normalize(unit * 50_000 + "end", EN)
    assert words.span(len(words.words) - 1, len(words.words) - 1)
