from __future__ import annotations

from policies.checks.duplicate_phrases import check_duplicates
from tests.policies.writing import rule


def test_phrases_that_normalize_to_the_same_words_are_found() -> None:
    codes = rule(en=["gift card", "don't pay", "Gift-Card!", "do not PAY"])
    assert [(finding.where[-1], finding.problem) for finding in check_duplicates({7: codes})] == [
        (2, "'Gift-Card!' sounds the same as phrase [0] above"),
        (3, "'do not PAY' sounds the same as phrase [1] above"),
    ]


def test_a_phrase_may_be_in_two_rules_and_two_languages() -> None:
    rules = {0: rule(en=["gift card"], zh=["gift card"]), 1: rule(en=["gift card"])}
    assert list(check_duplicates(rules)) == []
