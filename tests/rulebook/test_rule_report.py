from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.handling import Handling
from policies.match import RuleStatus
from service.errors import Problem
from service.rulebook.precision import Precision, precision
from service.rulebook.rule_report import (
    Beside,
    Counted,
    DecisionCount,
    Difference,
    HitCount,
    Period,
    RuleKey,
    ShadowCount,
    reported_period,
    rule_report,
)
from tests.policies.writing import pack, rule

NOW = datetime(2026, 5, 17, 12, 34, 56, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOON = datetime(2026, 5, 17, 12, tzinfo=UTC)
TODAY = Period(NOON, NOON + HOUR)
INSULT = RuleKey("a-pack", "insult", "1.2.3")
NOTHING = Counted({}, {}, {}, 0, 0)


def asked(since: datetime | None = None, until: datetime | None = None, days: int = 90) -> Period:
    return reported_period(since, until, None, now=NOW, kept=timedelta(days=days))


def test_a_period_is_widened_to_whole_hours() -> None:
    assert asked(NOON - 2 * HOUR + timedelta(seconds=1), NOON - HOUR) == Period(
        NOON - 2 * HOUR, NOON - HOUR
    )
    assert asked(NOON, NOW + DAY) == Period(NOON, NOON + HOUR)


def test_the_period_is_the_last_30_days_by_default() -> None:
    assert asked() == Period(NOON - 30 * DAY, NOON + HOUR)
    assert asked(until=NOON - DAY) == Period(NOON - 31 * DAY, NOON - DAY)


def test_no_period_is_longer_than_hits_are_kept() -> None:
    assert asked(NOON - 900 * DAY, days=7).since == NOON - 7 * DAY
    assert asked(days=7).since == NOON - 7 * DAY


def test_hours_are_those_of_utc_whatever_the_offset() -> None:
    half_past = timezone(timedelta(hours=5, minutes=30))
    assert asked((NOON - 2 * HOUR).astimezone(half_past), NOON).since == NOON - 2 * HOUR


@pytest.mark.parametrize(
    ("since", "until"),
    [
        (None, NOW - 91 * DAY),
        (NOW + DAY, None),
        (datetime.min.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC) + HOUR),
        (datetime.max.replace(tzinfo=timezone(-12 * HOUR)), None),
    ],
)
def test_a_period_of_which_nothing_is_on_record_is_refused(
    since: datetime | None, until: datetime | None
) -> None:
    with pytest.raises(Problem, match="kept for 90 days"):
        asked(since, until)


def test_there_is_no_precision_before_the_first_decision() -> None:
    assert precision(0, 0) is None


@pytest.mark.parametrize(
    ("upheld", "dismissed", "low", "high"),
    [(1, 0, 0.2065, 1.0), (0, 1, 0.0, 0.7935), (8, 2, 0.4902, 0.9433), (90, 10, 0.8256, 0.9448)],
)
def test_precision_has_wilson_s_interval(
    upheld: int, dismissed: int, low: float, high: float
) -> None:
    share = upheld / (upheld + dismissed)
    assert precision(upheld, dismissed) == Precision(share, low, high)


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_the_interval_holds_the_value_and_lies_between_0_and_1(upheld: int, dismissed: int) -> None:
    found = precision(upheld, dismissed)
    if found is not None:
        assert 0 <= found.low <= found.value <= found.high <= 1
        assert math.isfinite(found.high - found.low)


def test_rules_in_force_are_listed_with_or_without_hits() -> None:
    packs = [pack(rule("insult", ["you fool"]), rule("tried", ["fool"], status="shadow"))]
    drafts = pack(rule("draft", ["x"], status="draft"), name="b-pack")
    report = rule_report(TODAY, NOTHING, [*packs, drafts])
    assert [(each.rule_id, each.status, each.title) for each in report.rules] == [
        ("insult", RuleStatus.ACTIVE, "Title of insult"),
        ("tried", RuleStatus.SHADOW, "Title of tried"),
    ]
    assert all(each.hits_per_hour is None for each in report.rules), "nothing was heard"


def test_an_earlier_version_is_listed_apart_and_keeps_its_title() -> None:
    old = RuleKey("a-pack", "insult", "1.0.0")
    gone = RuleKey("a-pack", "gone", "1")
    hits = {old: HitCount(live=5), INSULT: HitCount(live=2, shadow=1), gone: HitCount(live=1)}
    decisions = {INSULT: DecisionCount(alerts=4, undecided=1, upheld=2, dismissed=1)}
    counted = Counted(hits, decisions, {}, speech_ms=7_200_000, utterances=900)
    report = rule_report(TODAY, counted, [pack(rule("insult", ["you fool"]))])
    assert (report.hours, report.utterances) == (2.0, 900)
    by_version = [
        (each.rule_id, each.rule_version, each.title, each.status) for each in report.rules
    ]
    assert by_version == [
        ("gone", "1", "", None),
        ("insult", "1.0.0", "Title of insult", None),
        ("insult", "1.2.3", "Title of insult", RuleStatus.ACTIVE),
    ]
    now = report.rules[2]
    assert (now.hits_live, now.hits_shadow, now.hits_per_hour) == (2, 1, 1.5)
    assert (now.alerts, now.undecided, now.upheld, now.dismissed) == (4, 1, 2, 1)
    assert now.precision == Precision(0.6667, 0.2077, 0.9385)


def test_a_shadow_rule_shows_what_it_would_change() -> None:
    tried = RuleKey("a-pack", "tried", "1.2.3")
    beside = (Beside("a-pack", "insult", 2),)
    shadow = ShadowCount(NOW, together=2, together_with=beside, missed=1, missed_by=beside)
    counted = Counted({tried: HitCount(shadow=5)}, {}, {tried: shadow}, None, None)
    (found,) = rule_report(TODAY, counted, []).rules
    assert found.difference == Difference(NOW, 3, 2, beside, 1, beside)
    assert found.hits_per_hour is None, "hours are not known of one room"


DESPAIR = RuleKey("a-pack", "despair", "1.2.3")


def test_a_rule_about_somebody_at_risk_has_counts_of_help_and_no_precision() -> None:
    despair = rule("despair", ["end my life"], category="suicide_self_harm", subcategory="ideation")
    decided = DecisionCount(alerts=9, undecided=1, upheld=1, dismissed=1, supported=4, not_needed=2)
    counted = replace(NOTHING, decisions={DESPAIR: decided})
    (figures,) = rule_report(TODAY, counted, [pack(despair)]).rules
    assert figures.handling is Handling.HELP
    assert (figures.supported, figures.not_needed) == (4, 2)
    assert (figures.upheld, figures.dismissed, figures.precision) == (0, 0, None)


def test_outcomes_of_help_do_not_count_for_an_offence_raised_with_it() -> None:
    insult = rule("insult", ["you fool"])
    decided = DecisionCount(alerts=9, undecided=1, upheld=1, dismissed=1, supported=4, not_needed=2)
    counted = replace(NOTHING, decisions={INSULT: decided})
    (figures,) = rule_report(TODAY, counted, [pack(insult)]).rules
    assert (figures.upheld, figures.dismissed) == (1, 1)
    assert (figures.supported, figures.not_needed) == (0, 0)
    assert figures.precision == precision(1, 1)


@pytest.mark.parametrize("version", ["1.2.3", "", "0.9.0"])
def test_the_handling_of_a_rule_is_known_after_it_has_gone(version: str) -> None:
    key = replace(DESPAIR, version=version)
    hits = {DESPAIR: HitCount(live=3, handling=Handling.HELP)}
    counted = replace(NOTHING, hits=hits, decisions={key: DecisionCount(2, supported=2)})
    found = rule_report(TODAY, counted, []).rules
    assert {each.handling for each in found} == {Handling.HELP}
