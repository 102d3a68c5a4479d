"""Provisional alerts, between a queue and stores in memory."""

from __future__ import annotations

from dataclasses import replace

import pytest

from asr.quality import REPETITION
from asr.speech import WorkClass
from service.alerts.alert import Alert, AlertState, Outcome
from tests.verdict.floor import Floor

pytestmark = pytest.mark.anyio


@pytest.fixture
def floor() -> Floor:
    return Floor()


def alert(floor: Floor) -> Alert:
    (found,) = floor.alerts.alerts.values()
    return found


async def test_words_that_two_interim_transcripts_share_raise_a_provisional_alert(
    floor: Floor,
) -> None:
    floor.go_on("u1", "well you fool", 1)
    floor.go_on("u1", "well you fool that is", 2)
    await floor.finish()
    assert alert(floor).provisional
    assert (alert(floor).id, alert(floor).excerpt) == ("al_u1", "well you fool that is")
    assert floor.alerts.heard == {}, "nothing is on record before it has been said"


async def test_doubtful_words_raise_no_provisional_alert(floor: Floor) -> None:
    floor.queue.marks = (REPETITION,)
    floor.go_on("u1", "you fool you fool", 1)
    floor.go_on("u1", "you fool you fool you fool", 2)
    await floor.finish()
    assert floor.alerts.alerts == {}
    floor.say("u1", "you fool you fool you fool you fool")
    await floor.finish()
    assert [match.review for match in alert(floor).matches] == [True]


async def test_a_doubtful_final_transcript_confirms_the_alert_for_review(floor: Floor) -> None:
    floor.go_on("u1", "well you fool", 1)
    floor.go_on("u1", "well you fool that is", 2)
    await floor.finish()
    floor.queue.marks = (REPETITION,)
    floor.say("u1", "well you fool that is")
    await floor.finish()
    assert (alert(floor).provisional, alert(floor).state) == (False, AlertState.OPEN)
    assert [match.review for match in alert(floor).matches] == [True]


async def test_words_of_one_interim_transcript_raise_nothing(floor: Floor) -> None:
    floor.go_on("u1", "well you fool", 1)
    floor.go_on("u1", "well you full of it", 2)
    await floor.finish()
    assert floor.alerts.alerts == {}


async def test_the_final_transcript_confirms_the_alert_with_all_its_words(floor: Floor) -> None:
    floor.go_on("u1", "well you fool", 1)
    floor.go_on("u1", "well you fool that is", 2)
    await floor.finish()
    floor.say("u1", "well you fool that is a gift card")
    await floor.finish()
    assert not alert(floor).provisional
    assert alert(floor).excerpt == "well you fool that is a gift card"
    assert {match.rule_id for match in alert(floor).matches} == {"insult", "scam"}
    assert floor.metrics.provisional.labels("confirmed")._value.get() == 1


async def test_an_alert_that_the_final_transcript_does_not_confirm_is_retracted(
    floor: Floor,
) -> None:
    floor.go_on("u1", "well you fool", 1)
    floor.go_on("u1", "well you fool that is", 2)
    await floor.finish()
    floor.say("u1", "well your full name that is all")
    await floor.finish()
    assert alert(floor).state is AlertState.RETRACTED
    assert floor.metrics.provisional.labels("retracted")._value.get() == 1


async def test_an_alert_without_a_final_transcript_stands(floor: Floor) -> None:
    floor.go_on("u1", "well you fool", 1)
    floor.go_on("u1", "well you fool that is", 2)
    await floor.finish()
    floor.say("u1", None)
    await floor.finish()
    assert not alert(floor).provisional
    assert alert(floor).state is AlertState.OPEN


async def test_an_alert_stands_if_another_utterance_follows_without_a_final_transcript(
    floor: Floor,
) -> None:
    floor.go_on("u1", "well you fool", 1)
    floor.go_on("u1", "well you fool that is", 2)
    await floor.finish()
    floor.go_on("u2", "good evening", 1, at_s=20)
    await floor.finish()
    assert not floor.alerts.alerts["al_u1"].provisional


async def test_a_grave_match_in_words_that_may_change_asks_for_another_transcript(
    floor: Floor,
) -> None:
    floor.go_on("u1", "so you fool", 1)
    await floor.finish()
    assert floor.confirming == ["ann"]
    floor.go_on("u1", "so you fool go", 2)
    await floor.finish()
    assert floor.queue.put_in[-1].work is WorkClass.HOT_FINAL
    assert alert(floor).provisional


async def test_a_confirmation_asked_for_one_utterance_is_not_asked_for_the_next(
    floor: Floor,
) -> None:
    floor.go_on("u1", "so you fool", 1)
    await floor.finish()
    assert floor.confirming == ["ann"]
    floor.say("u1", "so you fool")
    await floor.finish()
    floor.go_on("u2", "well", 1)
    await floor.finish()
    assert floor.queue.put_in[-1].work is not WorkClass.HOT_FINAL


async def test_an_interim_transcript_that_fails_is_no_gap(floor: Floor) -> None:
    floor.go_on("u1", None, 1)
    await floor.finish()
    assert floor.hearing.written == []
    assert floor.alerts.alerts == {}


async def test_an_interim_transcript_after_the_final_one_raises_nothing(floor: Floor) -> None:
    floor.go_on("u1", "well you fool", 1)
    floor.say("u1", "well you fool")
    await floor.finish()
    assert not alert(floor).provisional
    assert floor.alerts.raised_early == []


async def test_a_rule_within_its_cool_down_raises_no_provisional_alert(floor: Floor) -> None:
    floor.say("u0", "you fool")
    floor.go_on("u1", "again you fool", 1, at_s=5)
    floor.go_on("u1", "again you fool and", 2, at_s=5)
    await floor.finish()
    floor.say("u1", "again you fool and so on", at_s=5)
    await floor.finish()
    assert floor.alerts.raised_early == []
    assert (alert(floor).id, alert(floor).repeats) == ("al_u0", 1)


async def test_a_provisional_alert_of_an_earlier_run_stands(floor: Floor) -> None:
    floor.go_on("u1", "well you fool", 1)
    floor.go_on("u1", "well you fool that is", 2)
    await floor.finish()
    again = Floor(alerts=floor.alerts)
    await again.provisional.resume()
    assert not alert(again).provisional


async def test_a_decision_made_meanwhile_is_kept(floor: Floor) -> None:
    floor.go_on("u1", "well you fool", 1)
    floor.go_on("u1", "well you fool that is", 2)
    await floor.finish()
    decided = replace(alert(floor), state=AlertState.RESOLVED, outcome=Outcome.UPHELD)
    floor.alerts.alerts["al_u1"] = decided
    floor.say("u1", None)
    await floor.finish()
    assert (alert(floor).state, alert(floor).outcome) == (AlertState.RESOLVED, Outcome.UPHELD)
