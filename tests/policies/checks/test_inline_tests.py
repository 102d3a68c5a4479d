from __future__ import annotations

from policies.checks.inline_tests import example_language, try_examples
from policies.pack import Example
from tests.policies.writing import rule


def found(must_match: list[str], must_not_match: list[str]) -> list[tuple[object, ...]]:
    tests = {"must_match": must_match, "must_not_match": must_not_match}
    codes = rule(en=["gift card"], tests=tests)
    return [(*finding.where[-2:], finding.problem) for finding in try_examples({0: codes})]


def test_examples_that_do_what_they_say_are_fine() -> None:
    assert found(["a gift card", "Gift-card!", "gift card"], ["a gift", "a card", "giftcard"]) == []


def test_every_example_that_fails_is_named() -> None:
    matching, other = ["a gift card", "a gift", "gift card", "card"], ["a", "b", "my GIFT card"]
    assert found(matching, other) == [
        ("must_match", 1, "does not match"),
        ("must_match", 3, "does not match"),
        ("must_not_match", 2, "matches, because of 'GIFT card'"),
    ]


def test_an_example_in_a_language_that_the_rule_lacks_tests_nothing() -> None:
    assert found(["gift card"] * 3, ["a", "b", "你好"]) == [
        ("must_not_match", 2, "is read as 'zh', which is not in languages")
    ]


def test_each_rule_is_tried_alone() -> None:
    tests = {"must_match": ["gift card"] * 3, "must_not_match": ["your code"] * 3}
    rules = {0: rule("one", en=["gift card"], tests=tests), 1: rule("two", en=["your code"])}
    assert all(finding.where[1] == 1 for finding in try_examples(rules))


def test_one_chinese_character_makes_an_example_chinese() -> None:
    assert example_language(Example(text="send me 礼")) == "zh"
    assert example_language(Example(text="send me, please…")) == "en"
