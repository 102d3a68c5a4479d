from __future__ import annotations

from typing import Any

from policies.checks.languages import check_languages
from policies.pack import Rule
from tests.policies.writing import rule


def problems(found: Rule) -> list[str]:
    return [finding.problem for finding in check_languages({0: found})]


def test_a_language_without_phrases_is_found() -> None:
    assert problems(rule(en=["gift card"], languages=["en", "zh"])) == ["'zh' has no phrases"]


def test_phrases_of_a_language_not_listed_are_found() -> None:
    assert problems(rule(en=["gift card"], zh=["礼品卡"], languages=["zh"])) == [
        "'en' is not in languages, so these are never heard"
    ]


def test_a_language_listed_twice_is_found() -> None:
    assert problems(rule(en=["gift card"], languages=["en", "en"])) == ["'en' is listed twice"]


def test_languages_that_agree_with_the_phrases_are_fine() -> None:
    assert problems(rule(en=["gift card"], zh=["礼品卡"])) == []


def test_a_group_that_a_rule_needs_must_be_there_in_every_language() -> None:
    match = {
        "ask": {"phrases": {"en": ["read me"], "zh": ["念给我"]}},
        "secret": {"phrases": {"en": ["code"]}},
    }
    changes: dict[str, Any] = {
        "match": match,
        "languages": ["en", "zh"],
        "when": {"near": {"groups": ["ask", "secret"], "within_words": 3}},
    }
    (finding,) = check_languages({0: rule(**changes)})
    assert finding.problem == "has no phrases in 'zh'"
    assert finding.where == ("policies", 0, "match", "secret")
