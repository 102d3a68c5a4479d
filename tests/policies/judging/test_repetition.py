from __future__ import annotations

from typing import Any

from policies.match import Match
from policies.severity import Severity
from policies.spoken import Context, PastHit
from tests.policies.writing import hear, pack, rule

STEPS = [
    {"count": 2, "within": "1m", "severity": "high"},
    {"count": 3, "within": "10m", "severity": "critical", "per": "room"},
]


def said(*hits: tuple[str, float], rule_id: str = "r") -> Match:
    changes: dict[str, Any] = {"escalate": STEPS}
    before = [PastHit("a-pack", rule_id, speaker, ago_s) for speaker, ago_s in hits]
    context = Context("room", "ann", hits=before)
    (match,) = hear("gift card", pack(rule("r", ["gift card"], **changes)), context=context)
    return match


def test_the_first_hit_is_as_grave_as_the_rule() -> None:
    match = said()
    assert (match.severity, match.raised_from, match.reached) == (Severity.MEDIUM, None, False)


def test_the_hit_that_reaches_a_step_raises_it_and_says_so() -> None:
    match = said(("ann", 30))
    assert (match.severity, match.raised_from) == (Severity.HIGH, Severity.MEDIUM)
    assert match.reached
    assert match.explanation.endswith(" (2 times: raised to high)")


def test_further_hits_stay_raised_without_reaching_it_anew() -> None:
    match = said(("ann", 30), ("ann", 20), ("bob", 10), ("bob", 5))
    assert (match.severity, match.reached) == (Severity.CRITICAL, False)


def test_what_is_too_long_ago_or_said_by_others_does_not_count_for_one_speaker() -> None:
    assert said(("ann", 61)).severity is Severity.MEDIUM
    assert said(("bob", 5)).severity is Severity.MEDIUM


def test_a_step_may_count_a_whole_room() -> None:
    assert said(("bob", 5), ("cleo", 500)).severity is Severity.CRITICAL


def test_hits_of_other_rules_do_not_count() -> None:
    assert said(("ann", 5), ("ann", 6), rule_id="other").severity is Severity.MEDIUM


def test_what_is_excused_is_not_raised() -> None:
    changes: dict[str, Any] = {"escalate": STEPS, "except": {"negation": 2}}
    context = Context("room", "ann", hits=[PastHit("a-pack", "r", "ann", 5)] * 3)
    listening = pack(rule("r", ["gift card"], **changes))
    (match,) = hear("never a gift card", listening, context=context)
    assert (match.severity, match.raised_from) == (Severity.LOW, None)
