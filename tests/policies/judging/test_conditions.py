from __future__ import annotations

from typing import Any

import pytest

from policies.pack import Rule
from tests.policies.writing import hear, heard, pack, rule


def groups(when: dict[str, Any], **phrases: list[str]) -> Rule:
    match = {name: {"phrases": {"en": listed}} for name, listed in phrases.items()}
    changes: dict[str, Any] = {"match": match, "when": when}
    return rule(**changes)


ASKING = {"ask": ["read me", "give me"], "secret": ["code", "card number"]}


def near(**limits: object) -> Rule:
    return groups({"near": {"groups": ["ask", "secret"], **limits}}, **ASKING)


def test_any_group_is_enough_where_nothing_else_is_asked_for() -> None:
    anything = groups({}, **ASKING)
    assert heard("read me a book", pack(anything)) == ["read me"]
    assert heard("the code and give me", pack(anything)) == ["code", "give me"]


def test_any_names_the_groups_that_are_enough() -> None:
    asked = groups({"any": ["ask"]}, **ASKING)
    assert heard("give me the code", pack(asked)) == ["give me"]
    assert heard("the code", pack(asked)) == []


def test_all_groups_must_be_heard_in_any_order() -> None:
    both = groups({"all": ["ask", "secret"]}, **ASKING)
    assert heard("the code is there so please give me it", pack(both)) == ["code", "give me"]
    assert heard("give me the book", pack(both)) == []


@pytest.mark.parametrize(
    ("text", "limit", "spans"),
    [
        ("give me the code", 1, ["give me", "code"]),
        ("give me the very long code", 2, []),
        ("give me the very long code", 3, ["give me", "code"]),
        ("the code now give me", 1, ["code", "give me"]),
        ("give me give me code", 0, ["give me", "code"]),
        ("give me code card number", 0, ["give me", "code"]),
    ],
)
def test_near_counts_the_words_between(text: str, limit: int, spans: list[str]) -> None:
    assert heard(text, pack(near(within_words=limit))) == spans


def test_near_may_ask_for_an_order() -> None:
    ordered = pack(near(within_words=3, ordered="true"))
    assert heard("give me the code", ordered) == ["give me", "code"]
    assert heard("the code give me", ordered) == []


def test_near_in_seconds_reckons_with_how_people_speak_where_no_times_are_known() -> None:
    quick = pack(near(within_seconds="1"))
    assert heard("give me the code", quick) == ["give me", "code"]
    assert heard("give me the long and winding code", quick) == []


def test_three_groups_stand_near_one_another() -> None:
    three = groups(
        {"near": {"groups": ["a", "b", "c"], "within_words": 2}}, a=["one"], b=["red"], c=["car"]
    )
    assert heard("car one red", pack(three)) == ["car", "one", "red"]
    assert heard("car and one big red", pack(three)) == ["car", "one", "red"]
    assert heard("car and one very big red", pack(three)) == []


def test_everything_that_is_given_must_hold() -> None:
    when = {"near": {"groups": ["ask", "secret"], "within_words": 2}, "any": ["hurry"]}
    both = pack(groups(when, hurry=["right now"], **ASKING))
    assert heard("give me the code", both) == []
    assert heard("give me the code right now", both) == ["give me", "code", "right now"]
    assert heard("right now", both) == []


def test_a_score_adds_up_the_groups_that_are_heard() -> None:
    match = {
        "age": {"phrases": {"en": ["how old"]}, "weight": 4},
        "alone": {"phrases": {"en": ["home alone"]}, "weight": 6},
    }
    scored: dict[str, Any] = {"match": match, "when": {"score": 9}}
    listening = pack(rule(**scored))
    assert heard("how old are you how old", listening) == []
    assert heard("home alone", listening) == []
    (found,) = hear("how old are you and are you home alone", listening)
    assert found.score == 10.0


def test_a_match_s_score_is_less_where_the_sound_is_another() -> None:
    match = {"words": {"phrases": {"en": ["verification code"]}, "tolerance": "near"}}
    (same,) = hear("verification code", pack(rule(match=match)))
    (alike,) = hear("verification coat", pack(rule(match=match)))
    assert (same.score, same.distance) == (5.0, 0.0)
    assert 4 < alike.score < 5
    assert 0 < alike.distance < 0.15
