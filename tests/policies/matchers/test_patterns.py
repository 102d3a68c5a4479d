from __future__ import annotations

import pytest

from policies.languages.plugin import LanguagePlugin
from policies.matchers.patterns import PatternRefused, Patterns, compile_pattern
from policies.normalize import normalize
from tests.policies.writing import EN, ZH


def find(patterns: list[str], text: str, language: LanguagePlugin = EN) -> list[tuple[int, str]]:
    words = normalize(text, language)
    return [
        (hit.entry, text[slice(*words.span(hit.first, hit.last))])
        for hit in Patterns(dict(enumerate(patterns))).find_hits(words)
    ]


def test_digits_are_heard_in_words_and_in_figures() -> None:
    pattern = [r"\d \d \d \d"]
    assert find(pattern, "it is five five one two, okay") == [(0, "five five one two")]
    assert find(pattern, "it is 5512, okay") == [(0, "5512")]
    assert find([r"\d{4}"], "尾号五五一二", ZH) == [(0, "五五一二")]


def test_every_place_of_every_pattern_is_found() -> None:
    found = find(["gift cards?", r"\bcode\b"], "a Gift card, gift cards and a code")
    assert found == [(0, "Gift card"), (0, "gift cards"), (1, "code")]


def test_spaces_at_the_edges_belong_to_no_word() -> None:
    assert find([" ?card ?"], "a card here") == [(0, "card")]


def test_where_none_fits_nothing_is_found() -> None:
    assert find(["abc", "def"], "hello") == []
    assert find([], "hello") == []


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("(?<=a)b", "is not RE2: invalid perl operator: (?<="),
        (r"(a)\1", r"is not RE2: invalid escape sequence: \1"),
        ("a*", "matches an empty text, and so everything"),
        ("(a{1,1000}){1,1000}", "is not RE2: "),
    ],
)
def test_what_is_not_re2_or_fits_everything_is_refused(pattern: str, problem: str) -> None:
    with pytest.raises(PatternRefused) as caught:
        compile_pattern(pattern)
    assert str(caught.value).startswith(problem)
    assert caught.value.remedy


@pytest.mark.timeout(20)
def test_a_pattern_that_others_choke_on_takes_linear_time() -> None:
    assert find([r"(a+)+b", r"(?:a|aa)+c"], "a" * 100_000) == []
