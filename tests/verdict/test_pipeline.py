"""From utterances to commits, between a queue and stores in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from asr.quality import NOT_SPOKEN, PHANTOM, REPETITION
from policies.match import Action, Layer
from policies.severity import Severity
from service.listening.ear import Ear
from service.rooms.listener import Listener
from service.verdict.overload import Lag
from tests.listening.sound import loud
from tests.rooms.fakes import NOW, a_room, a_speaker
from tests.verdict.floor import Floor

pytestmark = pytest.mark.anyio


@pytest.fixture
def floor() -> Floor:
    return Floor()


async def test_an_utterance_that_breaks_rules_is_one_alert_with_its_words(floor: Floor) -> None:
    floor.say("u1", "well you fool that is a gift card")
    await floor.finish()
    (alert,) = floor.alerts.alerts.values()
    assert alert.excerpt == "well you fool that is a gift card"
    assert [alert.excerpt[a:b] for match in alert.matches for a, b in match.spans] == [
        "you fool",
        "gift card",
    ]
    assert (alert.speaker_id, alert.speaker_name, alert.raised_at) == ("ann", "Ann", NOW)


async def test_doubtful_words_are_an_alert_for_review_and_the_same_words_without_doubt_another(
    floor: Floor,
) -> None:
    floor.queue.marks = (PHANTOM,)
    floor.say("u1", "you fool")
    floor.queue.marks = ()
    floor.say("u2", "you fool", at_s=2)
    await floor.finish()
    assert floor.alerts.heard["u1"].marks == (PHANTOM,)
    doubtful, sure = floor.alerts.alerts.values()
    assert (doubtful.utterance_id, doubtful.severity, doubtful.repeats) == ("u1", Severity.LOW, 0)
    assert [match.review for match in (*doubtful.matches, *sure.matches)] == [True, False]
    assert "the transcript may be noise" in doubtful.matches[0].explanation
    assert floor.metrics.transcript_marks.labels(PHANTOM)._value.get() == 1


async def test_words_that_nobody_said_are_stored_with_their_marks_and_raise_no_alert(
    floor: Floor,
) -> None:
    floor.queue.marks = (REPETITION, NOT_SPOKEN, "a mark of a later release")
    floor.say("u1", "you fool")
    await floor.finish()
    assert floor.alerts.heard["u1"].text == "you fool"
    assert NOT_SPOKEN in floor.alerts.heard["u1"].marks
    assert (floor.alerts.alerts, floor.alerts.rule_hits) == ({}, [])
    counted = floor.metrics.render().decode()
    assert 'earshot_transcript_marks_total{mark="not_spoken"} 1.0' in counted
    assert "later" not in counted


async def test_an_utterance_that_breaks_no_rule_is_stored_without_an_alert(floor: Floor) -> None:
    floor.say("u1", "good evening")
    floor.say("u2", "", at_s=2)
    await floor.finish()
    assert set(floor.alerts.heard) == {"u1", "u2"}
    assert floor.alerts.heard["u1"].text == "good evening"
    assert floor.alerts.alerts == {}
    assert floor.hearing.written == []


async def test_a_rule_hit_again_within_its_cool_down_repeats_the_alert(floor: Floor) -> None:
    for number in range(3):
        floor.say(f"u{number}", "you fool", at_s=2 * number)
    await floor.finish()
    (alert,) = floor.alerts.alerts.values()
    assert (alert.id, alert.repeats) == ("al_u0", 2)


async def test_every_hit_is_stored_live_or_in_shadow(floor: Floor) -> None:
    floor.say("u1", "you fool")
    floor.say("u2", "you fool", at_s=2)
    floor.say("u3", "good evening", at_s=4)
    await floor.finish()
    assert [(id_, hit.rule_id, hit.status.value) for id_, hit in floor.alerts.rule_hits] == [
        ("u1", "insult", "active"),
        ("u1", "tried", "shadow"),
        ("u2", "insult", "active"),
        ("u2", "tried", "shadow"),
    ]
    (alert,) = floor.alerts.alerts.values()
    assert [match.rule_id for match in alert.matches] == ["insult"], "a shadow is nobody's alert"


async def test_a_match_in_an_alert_has_layer_distance_and_exceptions(floor: Floor) -> None:
    floor.say("u1", "well you fool")
    await floor.finish()
    ((match,),) = (alert.matches for alert in floor.alerts.alerts.values())
    assert (match.title, match.layer, match.distance) == ("Title of insult", Layer.EXACT, 0.0)
    assert (match.review, match.excused_by, match.raised_from) == (False, (), None)
    assert match.actions == (Action.ALERT,)
    assert match.rule_version == match.pack_version


async def test_each_speaker_has_their_own_cool_down(floor: Floor) -> None:
    floor.say("u1", "you fool")
    floor.say("u2", "you fool", speaker="bob")
    await floor.finish()
    assert len(floor.alerts.alerts) == 2


async def test_an_utterance_without_a_transcript_is_a_gap(floor: Floor) -> None:
    floor.say("u1", None, at_s=3)
    await floor.finish()
    (gap,) = floor.hearing.written
    assert (gap.from_at, gap.to_at) == (NOW + timedelta(seconds=3), NOW + timedelta(seconds=4))
    assert gap.reason == "overloaded"


async def test_an_utterance_that_cannot_be_stored_is_a_gap_at_once_and_is_not_retried(
    floor: Floor,
) -> None:
    floor.alerts.broken.add("u1")
    floor.say("u1", "you fool")
    floor.say("u2", "gift card", at_s=2)
    await floor.finish()
    assert list(floor.alerts.alerts) == ["al_u2"]
    assert floor.alerts.attempts == [("lobby", "u1"), ("lobby", "u2")]
    assert [gap.reason for gap in floor.hearing.written] == ["it could not be put on record"]
    assert b'earshot_failures_total{at="verdict"} 1.0' in floor.metrics.render()


async def test_a_store_that_is_busy_for_a_moment_costs_no_words(floor: Floor) -> None:
    floor.alerts.busy = 2
    floor.say("u1", "you fool")
    await floor.finish()
    assert list(floor.alerts.alerts) == ["al_u1"]
    assert floor.hearing.written == []


async def test_the_same_utterance_twice_is_judged_once_and_harms_nothing(floor: Floor) -> None:
    floor.say("u1", "you fool")
    floor.say("u1", "you fool")
    floor.say("u2", "gift card", at_s=2)
    await floor.finish()
    assert sorted(floor.alerts.alerts) == ["al_u1", "al_u2"]
    assert all(alert.repeats == 0 for alert in floor.alerts.alerts.values())


async def test_the_languages_of_the_room_go_with_the_utterance(floor: Floor) -> None:
    floor.listeners["ann"] = Listener(
        Ear("lobby", "ann", vad=loud, now=NOW), a_speaker(), replace(a_room(), languages=["zh"])
    )
    floor.say("u1", "hello")
    await floor.finish()
    assert floor.queue.put_in[0].languages == ["zh"]


async def test_the_lag_is_that_of_the_oldest_utterance_without_a_verdict(floor: Floor) -> None:
    assert floor.pipeline.lag(NOW) == Lag(0.0, 0)
    floor.say("u2", "good evening", at_s=2)
    floor.say("u1", "hello")
    assert floor.pipeline.lag(NOW + timedelta(seconds=5)) == Lag(4.0, 2)
    assert floor.pipeline.lag(NOW) == Lag(0.0, 2), "clocks that differ make no lag"
    await floor.finish()
    assert floor.pipeline.lag(NOW + timedelta(seconds=5)) == Lag(0.0, 0)


async def test_an_utterance_that_is_being_stored_still_waits(floor: Floor) -> None:
    lags: list[Lag] = []
    floor.alerts.on_commit = lambda: lags.append(floor.pipeline.lag(NOW + timedelta(seconds=3)))
    floor.say("u1", "hello")
    await floor.finish()
    assert lags == [Lag(2.0, 1)]


async def test_speech_in_a_language_without_rules_is_counted_once_per_utterance(
    floor: Floor,
) -> None:
    floor.queue.language = "fr"
    floor.say("u1", "bonsoir")
    floor.say("u1", "bonsoir")
    floor.queue.language = "en"
    floor.say("u2", "good evening", at_s=2)
    await floor.finish()
    (unmatched,) = floor.unmatched_languages.unmatched_languages(a_room())
    assert (unmatched.language, unmatched.utterances) == ("fr", 1)
