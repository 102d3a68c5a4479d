from __future__ import annotations

import pytest

from policies.languages.zh.pinyin import merge_syllable, readings, spell_syllable, syllable


@pytest.mark.parametrize(
    ("char", "name"), [("验", "yan"), ("女", "nv"), ("略", "lve"), ("8", "ba"), ("儿", "er")]
)
def test_a_character_has_its_usual_syllable(char: str, name: str) -> None:
    assert spell_syllable(syllable(char)) == name


@pytest.mark.parametrize("word", ["a", "pin", "。", "12", ""])
def test_what_is_not_chinese_has_none(word: str) -> None:
    assert syllable(word) == ""


def test_a_phrase_has_the_usual_readings_and_those_it_has_in_these_words() -> None:
    bank = [[spell_syllable(each) for each in said] for said in readings("银行")]
    assert bank == [["yin"], ["xing", "hang"]]
    assert [[spell_syllable(each) for each in said] for said in readings("包夜")] == [
        ["bao"],
        ["ye"],
    ]
    assert readings(["pin", "码"])[0] == ()


@pytest.mark.parametrize(
    ("one", "other"), [("知", "资"), ("吃", "词"), ("是", "四"), ("你", "里"), ("商", "三")]
)
def test_accents_merge_initials_and_finals(one: str, other: str) -> None:
    assert merge_syllable(syllable(one)) == merge_syllable(syllable(other))


def test_and_leave_the_rest_apart() -> None:
    assert merge_syllable(syllable("发")) != merge_syllable(syllable("八"))
