from __future__ import annotations

from typing import Any

import pytest

from policies.match import Match
from policies.severity import Severity
from tests.policies.writing import hear, pack, rule

EN = {"words": {"phrases": {"en": ["give me the code"], "zh": ["把码给我"]}}}


def said(text: str, language: str = "en", **written: object) -> list[Match]:
    changes: dict[str, Any] = {
        "match": EN,
        "languages": ["en", "zh"],
        "except": written,
        "severity": "high",
    }
    return hear(text, pack(rule(**changes)), language=language)


@pytest.mark.parametrize(
    ("text", "cue"),
    [
        ("never give me the code", "never"),
        ("you should not really give me the code", "not"),
        ("don't give me the code", "not"),
        ("so, give me the code", None),
        ("not now but later on give me the code", None),
        ("give me the code, never mind", None),
    ],
)
def test_a_negation_before_the_words_counts(text: str, cue: str | None) -> None:
    (match,) = said(text, negation=3)
    assert match.excused_by == ((f"negated by “{cue}”",) if cue else ())
    assert match.severity is (Severity.LOW if cue else Severity.HIGH)


@pytest.mark.parametrize(
    ("text", "excused"),
    [
        ("he said give me the code", True),
        ("they told us to give me the code", True),
        ("i said give me the code", False),
        ("listen to what she says and then maybe much later give me the code", False),
    ],
)
def test_somebody_else_s_words_count_and_one_s_own_do_not(text: str, excused: bool) -> None:
    (match,) = said(text, reported_speech=5)
    assert bool(match.excused_by) is excused


@pytest.mark.parametrize(
    ("text", "excused"),
    [
        ("千万不要把码给我", True),
        ("别把码给我", True),
        ("他说把码给我", True),
        ("听说把码给我", True),
        ("信不信把码给我", False),
        ("有没有人把码给我", False),
        ("对不起把码给我", False),
        ("我说把码给我", False),
        ("特别想把码给我", False),
    ],
)
def test_chinese_has_cues_of_its_own_and_words_that_only_look_like_one(
    text: str, excused: bool
) -> None:
    (match,) = said(text, "zh", negation=5, reported_speech=5)
    assert bool(match.excused_by) is excused


def test_an_allowed_phrase_counts_near_the_words() -> None:
    allow = {"en": ["in the movie"]}
    (near,) = said("in the movie she says give me the code", allow=allow)
    assert near.excused_by == ("allowed: “in the movie”",)
    far = "in the movie it rains and then a long time nothing happens so give me the code"
    assert said(far, allow=allow)[0].excused_by == ()


def test_one_place_that_nothing_excuses_is_enough() -> None:
    (match,) = said("never give me the code. now give me the code", negation=2)
    assert match.excused_by == ()
    assert match.spans == ((28, 44),)


@pytest.mark.parametrize(
    ("effect", "severity", "review"),
    [("review", Severity.LOW, True), ("lower", Severity.MEDIUM, False)],
)
def test_an_excused_match_is_for_review_or_lower(
    effect: str, severity: Severity, review: bool
) -> None:
    (match,) = said("never give me the code", negation=2, effect=effect)
    assert (match.severity, match.review) == (severity, review)
    word = "for review" if review else "lowered"
    assert match.explanation.endswith(f" ({word}: negated by “never”)")


def test_or_it_is_suppressed() -> None:
    assert said("never give me the code", negation=2, effect="suppress") == []


def test_a_rule_that_raises_no_alert_is_for_review() -> None:
    asking = pack(rule("r", ["give me the code"], actions=["queue_review"]))
    (match,) = hear("give me the code", asking)
    assert match.review
    assert match.severity is Severity.MEDIUM
    assert match.explanation.endswith(" (for review)")
