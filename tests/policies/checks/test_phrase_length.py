from __future__ import annotations

import pytest

from policies.checks.phrase_length import phrase_length
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
    (finding,) = phrase_length({3: written})
    assert finding.problem.endswith(problem)
    assert finding.where[:5] == ("policies", 3, "match", "words", "phrases")


def test_short_words_are_fine() -> None:
    assert list(phrase_length({0: rule(en=["die", "911"], zh=["去死"])})) == []
