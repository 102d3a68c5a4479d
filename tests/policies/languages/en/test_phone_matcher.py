from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.languages.en.phone_matcher import PhoneMatcher, count_sounds
from policies.normalize import normalize
from policies.tolerance import Tolerance
from tests.policies.writing import EN

NEAR, LOOSE, HOMOPHONE = Tolerance.NEAR, Tolerance.LOOSE, Tolerance.HOMOPHONE
ORDINARY = (
    "so i think we could meet at the station and then walk over to the market because it is "
    "warm today and my brother wants to buy some bread for dinner with everybody"
).split()


def find(phrases: list[tuple[str, Tolerance]], text: str) -> list[tuple[int, str]]:
    listed = {
        number: (normalize(phrase, EN), tolerance)
        for number, (phrase, tolerance) in enumerate(phrases)
    }
    words = normalize(text, EN)
    return sorted(
        (hit.entry, text[slice(*words.span(hit.first, hit.last))])
        for hit in PhoneMatcher(listed).find_hits(words)
    )


@pytest.mark.parametrize(
    ("phrase", "tolerance", "heard"),
    [
        ("seed phrase", HOMOPHONE, "seat phrase"),
        ("whole story", HOMOPHONE, "hole story"),
        ("read me the password", NEAR, "reed me a password"),
        ("wire the money", NEAR, "why are the money"),
        ("send your account number", NEAR, "sent your account numbers"),
        ("transfer the money today", LOOSE, "transferred a money to day"),
    ],
)
def test_a_phrase_is_heard_through_what_a_recogniser_made_of_it(
    phrase: str, tolerance: Tolerance, heard: str
) -> None:
    assert (0, heard) in find([(phrase, tolerance)], f"well {heard} okay")


@pytest.mark.parametrize(
    ("phrase", "heard"),
    [
        ("i am going to kill you", "i am going to tell you"),
        ("verification code", "verification"),
        ("we are coming for you", "we are coming for dinner"),
        ("send me your password", "send me your address"),
    ],
)
def test_a_word_that_carries_the_meaning_must_be_there(phrase: str, heard: str) -> None:
    assert find([(phrase, NEAR)], heard) == []


def test_an_exact_phrase_is_left_to_the_exact_layer() -> None:
    assert find([("gift card code", Tolerance.EXACT)], "gift card code") == []


def test_every_reading_of_a_phrase_counts() -> None:
    assert find([("read the letter", HOMOPHONE)], "red the letter") == [(0, "red the letter")]
    assert find([("read the letter", HOMOPHONE)], "reed the letter") == [(0, "reed the letter")]


def test_what_is_found_begins_and_ends_with_whole_words() -> None:
    assert find([("gift card code", NEAR)], "a giftcard coded") != [(0, "giftcard code")]


def test_words_without_a_sound_are_passed_over() -> None:
    found = find([("gift card code", NEAR)], "你 gift card code 码")
    assert found == [(0, "gift card code")]
    assert find([("你好", NEAR)], "anything") == []


def test_nothing_is_found_in_nothing() -> None:
    assert find([("gift card code", NEAR)], "") == []
    assert find([], "gift card code") == []


@pytest.mark.parametrize(
    ("phrase", "length"), [("die", 2), ("gift card", 8), ("verification code", 14), ("bird", 3)]
)
def test_an_r_coloured_vowel_counts_once(phrase: str, length: int) -> None:
    assert count_sounds(normalize(phrase, EN).words) == length


@given(
    st.lists(st.sampled_from(ORDINARY), max_size=12),
    st.lists(st.sampled_from(ORDINARY), max_size=12),
)
def test_a_phrase_is_found_wherever_it_stands(before: list[str], after: list[str]) -> None:
    text = " ".join([*before, "read", "me", "the", "gift", "card", "code", *after])
    assert (0, "read me the gift card code") in find([("read me the gift card code", NEAR)], text)


@pytest.mark.no_cover
@pytest.mark.timeout(30)
def test_a_long_text_takes_linear_time() -> None:
    listed = [(f"read me the {word} number", NEAR) for word in ORDINARY[5:15]]
    assert len(find(listed, "read me the station number " * 5_000)) >= 5_000
