from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.languages.zh.syllable_matcher import SyllableMatcher
from policies.normalize import normalize
from policies.tolerance import Tolerance
from tests.policies.writing import ZH

NEAR, LOOSE, HOMOPHONE = Tolerance.NEAR, Tolerance.LOOSE, Tolerance.HOMOPHONE


def find(phrase: str, tolerance: Tolerance, text: str) -> list[str]:
    words = normalize(text, ZH)
    syllables = SyllableMatcher({0: (normalize(phrase, ZH), tolerance)})
    return sorted(
        text[slice(*words.span(hit.first, hit.last))] for hit in syllables.find_hits(words)
    )


@pytest.mark.parametrize(
    ("phrase", "tolerance", "heard"),
    [
        ("验证码", HOMOPHONE, "验正马"),
        ("验证码", HOMOPHONE, "驗證碼"),
        ("银行卡", HOMOPHONE, "银航卡"),
        ("银行卡", HOMOPHONE, "银行卡"),
        ("身份证号", NEAR, "生份证好"),
        ("安全账户", NEAR, "昂全脏户"),
        ("一百块钱", HOMOPHONE, "100快前"),
        ("把密码告诉我", LOOSE, "把密码搞诉我"),
        ("把密码告诉我", LOOSE, "把密码告我"),
        ("把密码告诉我", LOOSE, "把密码都告诉我"),
        ("加qq群", HOMOPHONE, "家qq裙"),
    ],
)
def test_a_phrase_is_heard_whatever_characters_it_was_written_with(
    phrase: str, tolerance: Tolerance, heard: str
) -> None:
    assert heard in find(phrase, tolerance, f"好的{heard}吧")


@pytest.mark.parametrize(
    ("phrase", "tolerance", "heard"),
    [
        ("验证码", HOMOPHONE, "验真码"),
        ("验证码", NEAR, "研究码"),
        ("把密码告诉我", NEAR, "把密码搞丢了"),
        ("把密码告诉我", LOOSE, "把钥匙告诉他"),
        ("加qq群", HOMOPHONE, "家pp裙"),
        ("包养", HOMOPHONE, "阜阳"),
    ],
)
def test_another_sound_is_another_phrase(phrase: str, tolerance: Tolerance, heard: str) -> None:
    assert find(phrase, tolerance, heard) == []


def test_an_exact_phrase_is_left_to_the_exact_layer() -> None:
    assert find("验证码", Tolerance.EXACT, "验证码") == []


def test_nothing_is_found_in_nothing() -> None:
    assert find("验证码", NEAR, "") == []
    assert list(SyllableMatcher({}).find_hits(normalize("验证码", ZH))) == []


@given(
    st.text("你好把发给我的是了码，", max_size=12), st.text("你好把发给我的是了码，", max_size=12)
)
def test_a_phrase_is_found_wherever_it_stands(before: str, after: str) -> None:
    assert any("身份证号" in found for found in find("身份证号", NEAR, f"{before}身份证号{after}"))


@pytest.mark.timeout(30)
def test_a_long_text_takes_linear_time() -> None:
    assert len(find("验证码", NEAR, "把验正马发给我" * 5_000)) == 5_000
