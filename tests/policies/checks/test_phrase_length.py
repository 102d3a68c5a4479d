from __future__ import annotations

from typing import Any

import pytest

from policies.checks.phrase_length import check_length
from policies.pack import Rule
from tests.policies.writing import rule


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        (rule(en=["..."]), "'...' has no words in it"),
        (rule(en=["\u0301 \u0301"]), "has no words in it"),
        (rule(en=["a b"]), "'a b' is too short"),
        (rule(zh=["码"]), "'码' is too short"),
        (rule(zh=["码 。"]), "'码 。' is too short"),
    ],
)
def test_a_phrase_of_nearly_nothing_is_found(written: Rule, problem: str) -> None:
    (finding,) = check_length({3: written})
    assert finding.problem.endswith(problem)
    assert finding.where[:5] == ("policies", 3, "match", "words", "phrases")


def test_short_words_are_fine() -> None:
    assert list(check_length({0: rule(en=["die", "911"], zh=["去死"])})) == []


def loosely(tolerance: str, en: list[str], zh: list[str]) -> Rule:
    match = {"words": {"phrases": {"en": en, "zh": zh}, "tolerance": tolerance}}
    changes: dict[str, Any] = {"match": match, "languages": ["en", "zh"]}
    return rule(**changes)


@pytest.mark.parametrize(
    ("tolerance", "en", "zh"),
    [
        ("homophone", "kill you", "去死"),
        ("near", "verification code", "验证码"),
        ("loose", "verification code", "把密码给我"),
        ("by_length", "die", "去死"),
    ],
)
def test_long_enough_for_the_tolerance(tolerance: str, en: str, zh: str) -> None:
    assert list(check_length({0: loosely(tolerance, [en], [zh])})) == []


@pytest.mark.parametrize(
    ("tolerance", "en", "zh"),
    [("homophone", "die", "去死"), ("near", "gift card", "去死"), ("loose", "gift card", "验证码")],
)
def test_too_short_for_the_tolerance(tolerance: str, en: str, zh: str) -> None:
    found = list(check_length({0: loosely(tolerance, [en], [zh])}))
    assert [finding.where[-2] for finding in found] == ["en", "zh"][
        : 1 + (tolerance != "homophone")
    ]
    for finding in found:
        assert f"is too short for tolerance {tolerance}: it has " in finding.problem
        assert finding.remedy.startswith("set exact")


def test_a_phrase_that_makes_no_match_alone_may_be_as_short_as_a_word() -> None:
    match = {"who": {"phrases": {"zh": ["你"]}}, "what": {"phrases": {"zh": ["杀了"]}}}
    near = {"near": {"groups": ["who", "what"], "within_words": 2}}
    changes: dict[str, Any] = {"match": match, "when": near, "languages": ["zh"]}
    assert list(check_length({0: rule(**changes)})) == []
    alone: dict[str, Any] = {"match": match, "languages": ["zh"]}
    assert len(list(check_length({0: rule(**alone)}))) == 1
