from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.handling import Handling
from policies.match import Match
from policies.severity import Severity
from service.alerts.alert import AlertState
from service.alerts.ports import Hit
from service.alerts.triage import raise_alert, triage
from service.listening.events import TranscriptHeard

NOW = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)


def a_match(
    rule_id: str = "threat",
    *,
    pack: str = "demo",
    severity: Severity = Severity.MEDIUM,
    category: str = "hate",
    cooldown_s: float = 30.0,
) -> Match:
    return Match(pack, "1.0.0", rule_id, severity, category, ((0, 4),), "heard it", cooldown_s)


def a_hit(
    rule_id: str = "threat", *, ago_s: float, alert_id: str = "al_1", pack: str = "demo"
) -> Hit:
    return Hit(pack, rule_id, alert_id, NOW - timedelta(seconds=ago_s))


HEARD = TranscriptHeard(
    utterance_id="u1",
    room_id="lobby",
    speaker_id="ann",
    speaker_name="Ann",
    started_at=NOW - timedelta(seconds=4),
    ended_at=NOW - timedelta(seconds=1),
    language="en",
    text="what was said",
    marks=(),
    model="micro",
    provisional=False,
)


def test_an_alarm_after_an_alert_for_review_is_new() -> None:
    reviewed = replace(a_hit(ago_s=2), review=True)
    assert triage([a_match()], [reviewed], NOW).fresh == [a_match()]
    alarmed = a_hit(ago_s=9, alert_id="al_0")
    assert triage([a_match()], [reviewed, alarmed], NOW).repeated == ["al_0"]
    again = replace(a_match(), review=True)
    assert triage([again], [reviewed], NOW).repeated == ["al_1"]


def test_without_matches_nothing_happens() -> None:
    assert triage([], [a_hit(ago_s=1)], NOW).fresh == []
    assert triage([], [a_hit(ago_s=1)], NOW).repeated == []


def test_a_rule_hit_for_the_first_time_is_new() -> None:
    assert triage([a_match()], [], NOW).fresh == [a_match()]


@pytest.mark.parametrize(
    ("ago_s", "cooldown_s", "again"),
    [(0.0, 30, True), (29.999, 30, True), (30.0, 30, False), (31, 30, False), (0.001, 0, False)],
)
def test_within_the_cool_down_a_hit_repeats_the_earlier_alert(
    ago_s: float, cooldown_s: float, again: bool
) -> None:
    match = a_match(cooldown_s=cooldown_s)
    found = triage([match], [a_hit(ago_s=ago_s)], NOW)
    assert found.repeated == (["al_1"] if again else [])
    assert found.fresh == ([] if again else [match])


def test_the_latest_of_several_earlier_alerts_is_repeated() -> None:
    history = [a_hit(ago_s=5, alert_id="late"), a_hit(ago_s=20, alert_id="early")]
    assert triage([a_match()], history, NOW).repeated == ["late"]


def test_each_rule_cools_down_by_itself() -> None:
    slow, quick = a_match("slow", cooldown_s=600), a_match("quick", cooldown_s=10)
    history = [a_hit("slow", ago_s=60, alert_id="one"), a_hit("quick", ago_s=60, alert_id="one")]
    found = triage([slow, quick], history, NOW)
    assert (found.fresh, found.repeated) == ([quick], ["one"])


def test_the_same_rule_id_of_another_pack_is_another_rule() -> None:
    assert triage([a_match()], [a_hit(ago_s=1, pack="other")], NOW).repeated == []


def test_an_alert_hit_by_two_rules_at_once_is_repeated_once() -> None:
    history = [a_hit("a", ago_s=1), a_hit("b", ago_s=1)]
    assert triage([a_match("a"), a_match("b")], history, NOW).repeated == ["al_1"]


def test_an_alert_has_speaker_words_and_times() -> None:
    alert = raise_alert(HEARD, "before what was said", [a_match()], NOW)
    assert alert.id == "al_u1"
    assert (alert.room_id, alert.speaker_id, alert.speaker_name) == ("lobby", "ann", "Ann")
    assert (alert.speech_started_at, alert.speech_ended_at) == (HEARD.started_at, HEARD.ended_at)
    assert (alert.excerpt, alert.raised_at) == ("before what was said", NOW)
    assert (alert.state, alert.repeats, alert.provisional) == (AlertState.OPEN, 0, False)
    assert raise_alert(replace(HEARD, provisional=True), "", [a_match()], NOW).provisional


def test_the_gravest_match_gives_severity_and_category() -> None:
    matches = [
        a_match("low", severity=Severity.LOW),
        a_match("grave", severity=Severity.CRITICAL, category="violent_crimes"),
        a_match("high", severity=Severity.HIGH, category="privacy"),
    ]
    alert = raise_alert(HEARD, "", matches, NOW)
    assert (alert.severity, alert.category) == (Severity.CRITICAL, "violent_crimes")
    assert [match.rule_id for match in alert.matches] == ["grave", "high", "low"]


rules = st.builds(
    a_match,
    rule_id=st.sampled_from("abcdef"),
    pack=st.sampled_from(("one", "two")),
    severity=st.sampled_from(Severity),
    category=st.sampled_from(("hate", "privacy", "violent_crimes")),
    cooldown_s=st.sampled_from((0.0, 10.0, 60.0)),
)
utterance = st.lists(rules, max_size=8, unique_by=lambda match: (match.pack, match.rule_id))
histories = st.lists(
    st.builds(
        a_hit,
        rule_id=st.sampled_from("abcdef"),
        pack=st.sampled_from(("one", "two")),
        ago_s=st.integers(0, 90).map(float),
        alert_id=st.sampled_from(("al_1", "al_2", "al_3")),
    ),
    max_size=8,
).map(lambda hits: sorted(hits, key=lambda hit: hit.raised_at, reverse=True))


@given(utterance, histories, st.randoms())
def test_the_order_of_matches_changes_nothing(
    matches: list[Match], history: Sequence[Hit], chance: Random
) -> None:
    shuffled = list(matches)
    chance.shuffle(shuffled)
    one, other = triage(matches, history, NOW), triage(shuffled, history, NOW)
    assert one == other
    if matches:
        assert raise_alert(HEARD, "x", matches, NOW) == raise_alert(HEARD, "x", shuffled, NOW)


@given(utterance, histories)
def test_every_match_is_new_or_repeats_an_alert_of_its_rule(
    matches: list[Match], history: Sequence[Hit]
) -> None:
    found = triage(matches, history, NOW)
    assert len(set(found.repeated)) == len(found.repeated)
    for match in matches:
        of_rule = [hit for hit in history if (hit.pack, hit.rule_id) == (match.pack, match.rule_id)]
        warm = [hit for hit in of_rule if (NOW - hit.raised_at).total_seconds() < match.cooldown_s]
        assert (match in found.fresh) is not bool(warm)
        if warm:
            assert warm[0].alert_id in found.repeated


def test_a_hit_whose_severity_repetition_has_just_raised_is_new_within_the_cool_down() -> None:
    raised = replace(a_match(severity=Severity.CRITICAL), reached=True)
    assert triage([raised], [a_hit(ago_s=1)], NOW).fresh == [raised]
    again = replace(raised, reached=False)
    assert triage([again], [a_hit(ago_s=1)], NOW).repeated == ["al_1"]


def test_of_two_equally_grave_matches_that_of_somebody_at_risk_decides() -> None:
    threat = a_match("a-threat", category="violent_crimes")
    despair = a_match("despair", category="suicide_self_harm")
    alert = raise_alert(HEARD, "text", [threat, despair], NOW)
    assert (alert.category, alert.handling) == ("suicide_self_harm", Handling.HELP)
    graver = replace(threat, severity=Severity.HIGH)
    alert = raise_alert(HEARD, "text", [graver, despair], NOW)
    assert (alert.category, alert.handling) == ("violent_crimes", Handling.OFFENCE)
    to_others = replace(despair, subcategory="encouragement")
    assert raise_alert(HEARD, "text", [to_others], NOW).handling is Handling.OFFENCE
