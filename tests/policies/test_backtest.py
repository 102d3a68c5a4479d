from __future__ import annotations

from typing import Any

import pytest

from policies.backtest import MOST_CHANGES, Counts, Kind, Report, compare_packs
from policies.backtest_report import changes_table, rules_table
from policies.matcher import Matcher
from policies.pack import Pack, Rule
from policies.stored import Stored
from tests.policies.writing import pack, rule

CARDS = rule("cards", ["gift card"], cooldown="30s")


def said(*texts: str, every_s: float = 60.0, room: str = "r", speaker: str = "ann") -> list[Stored]:
    return [
        Stored(room, speaker, "en", text, number * every_s, 36.0)
        for number, text in enumerate(texts)
    ]


def compare(before: Pack | Rule, after: Pack | Rule, talk: list[Stored]) -> Report:
    packs = [each if isinstance(each, Pack) else pack(each) for each in (before, after)]
    return compare_packs(Matcher([packs[0]]), Matcher([packs[1]]), talk)


def test_alerts_that_come_go_and_change_are_told_apart() -> None:
    before = pack(CARDS, rule("codes", ["code"], severity="low"))
    after = pack(rule("codes", ["code", "pin"], severity="high"))
    report = compare(before, after, said("gift card", "the code", "my pin", "hello"))
    assert [(change.kind, change.name[1]) for change in report.changes] == [
        (Kind.GONE, "cards"),
        (Kind.CHANGED, "codes"),
        (Kind.NEW, "codes"),
    ]
    assert report.rules["a-pack", "cards"] == Counts(hits_before=1, alerts_before=1, gone=1)
    codes = report.rules["a-pack", "codes"]
    assert (codes.alerts_before, codes.alerts_after, codes.new, codes.changed) == (1, 2, 1, 1)


def test_the_same_packs_differ_in_nothing() -> None:
    report = compare(CARDS, CARDS, said("gift card", "hello", "gift card"))
    assert report.changes == []
    assert report.rules["a-pack", "cards"].alerts_after == 2


def test_rates_are_per_hour_of_speech() -> None:
    report = compare(CARDS, CARDS, said(*["gift card"] * 50, *["hello"] * 50))
    assert round(report.hours, 9) == 1.0
    assert round(report.rate(report.rules["a-pack", "cards"].alerts_after), 9) == 50.0
    assert Report().rate(3) == 0.0


def test_a_hit_within_the_cool_down_is_no_new_alert() -> None:
    report = compare(CARDS, CARDS, said("gift card", "gift card", "gift card", every_s=20.0))
    counts = report.rules["a-pack", "cards"]
    assert (counts.hits_after, counts.alerts_after) == (3, 2)
    two = said("gift card") + said("gift card", speaker="bob")
    assert compare(CARDS, CARDS, two).rules["a-pack", "cards"].alerts_after == 2


def test_rules_hear_what_was_said_before_and_repetition_counts() -> None:
    changes: dict[str, Any] = {
        "match": {"ask": {"phrases": {"en": ["give me"]}}, "what": {"phrases": {"en": ["card"]}}},
        "when": {"all": ["ask", "what"]},
        "context": {"utterances": 2, "seconds": 90},
        "escalate": [{"count": 2, "within": "10m", "severity": "critical"}],
    }
    spread = rule("spread", **changes)
    report = compare(CARDS, spread, said("give me", "a card", "give me", "a card"))
    severities = [change.after and change.after.severity for change in report.changes]
    assert severities == ["medium", "critical", "critical"]


def test_a_step_reached_within_the_cool_down_is_an_alert() -> None:
    changes: dict[str, Any] = {
        "escalate": [{"count": 3, "within": "10m", "severity": "high"}],
        "cooldown": "1h",
    }
    rising = rule("cards", ["gift card"], **changes)
    report = compare(rising, rising, said(*["gift card"] * 5))
    assert report.rules["a-pack", "cards"].alerts_after == 2


@pytest.mark.no_cover
def test_very_many_differences_are_counted_and_the_first_kept() -> None:
    talk = said(*["gift card"] * (MOST_CHANGES + 5))
    report = compare(rule("other", ["nothing here"]), CARDS, talk)
    assert len(report.changes) == MOST_CHANGES
    assert report.rules["a-pack", "cards"].new == MOST_CHANGES + 5


def test_the_report_reads_as_a_table_and_a_list() -> None:
    report = compare(CARDS, rule("codes", ["the code"]), said("gift card", "the code"))
    assert rules_table(report) == (
        "2 utterances, 0.02 h of speech\n"
        "rule          before     /h  after     /h  new  gone  changed\n"
        "a-pack/cards       1  50.00      0   0.00    0     1        0\n"
        "a-pack/codes       0   0.00      1  50.00    1     0        0"
    )
    assert changes_table(report, 1) == (
        "2 alerts differ\n"
        "gone     a-pack/cards  r at 0.0 s  heard “gift card”: Title of cards\n"
        "... and 1 more"
    )
