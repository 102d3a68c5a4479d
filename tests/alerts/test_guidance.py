from __future__ import annotations

from dataclasses import replace

import pytest

from policies.handling import Handling
from policies.taxonomy import Category
from service.alerts.alert import OUTCOMES, Alert, Outcome
from service.alerts.guidance import REASONS, STEPS, UPHELD_IN, guide
from service.alerts.helplines import Helpline
from service.rooms.actions import RoomAction
from tests.storage.examples import a_match, an_alert

LINES = [Helpline("A line", "1", ("zh",)), Helpline("Another", "2", ("en",))]
PUNISHES = {RoomAction.MUTE, RoomAction.REMOVE, RoomAction.END}


def alert_about(category: str, handling: Handling = Handling.OFFENCE) -> Alert:
    match = replace(a_match(), category=category)
    return replace(an_alert(), category=category, handling=handling, matches=(match,))


DESPAIR = alert_about("suicide_self_harm", Handling.HELP)


@pytest.mark.parametrize("category", [*Category, "of an earlier release"])
def test_every_category_has_outcomes_reasons_and_steps(category: str) -> None:
    guidance = guide(alert_about(category), ["en"], LINES)
    assert list(guidance.outcomes) == ["upheld", "dismissed"]
    assert guidance.reasons.keys() == set(guidance.outcomes)
    assert guidance.steps
    for reasons in guidance.reasons.values():
        codes = [reason.code for reason in reasons]
        assert len(set(codes)) == len(codes)


def test_help_never_silences_or_removes() -> None:
    guidance = guide(DESPAIR, ["en"], LINES)
    assert list(guidance.outcomes) == ["supported", "not_needed"]
    assert guidance.steps[0].action is RoomAction.WARN
    assert guidance.steps[0].message.endswith("Another: 2")
    assert not PUNISHES & {step.action for step in guidance.steps}
    assert [line.name for line in guidance.helplines] == ["Another", "A line"]


def test_helplines_are_shown_only_where_somebody_may_be_at_risk() -> None:
    assert list(guide(alert_about("hate"), ["en"], LINES).helplines) == []
    against_others = guide(alert_about("suicide_self_harm"), ["en"], LINES)
    assert len(against_others.helplines) == 2


def test_an_offence_with_words_of_despair_offers_help_too() -> None:
    both = alert_about("violent_crimes")
    both = replace(both, matches=(*both.matches, *DESPAIR.matches))
    guidance = guide(both, ["en"], LINES)
    assert list(guidance.outcomes) == ["upheld", "dismissed"]
    assert guidance.steps[-1].code == "offer_help"
    assert len(guidance.helplines) == 2


def test_no_reason_for_help_speaks_of_a_rule() -> None:
    for outcome in OUTCOMES[Handling.HELP]:
        for reason in REASONS[outcome]:
            assert "rule" not in reason.record


def test_a_record_belongs_to_one_code_and_a_code_to_one_text() -> None:
    """Clients find a reason by its record, and a text by its code."""
    reasons = [*REASONS.values(), *UPHELD_IN.values()]
    found = {(reason.code, reason.record) for group in reasons for reason in group}
    assert len({code for code, _ in found}) == len(found) == len({record for _, record in found})
    steps = [*STEPS.values(), tuple(guide(DESPAIR, [], ()).steps)]
    texts = {(step.code, step.text) for group in steps for step in group}
    assert len({code for code, _ in texts}) == len(texts)


def test_the_outcomes_of_both_handlings_are_all_outcomes() -> None:
    assert sorted(one for pair in OUTCOMES.values() for one in pair) == sorted(Outcome)
