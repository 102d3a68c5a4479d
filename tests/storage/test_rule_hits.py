from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from policies.match import Match, RuleStatus
from policies.severity import Severity
from service.alerts.alert import Alert, AlertRaised, Outcome, Step
from service.alerts.decisions import Decision, Person
from service.rulebook.rule_report import (
    Beside,
    Counted,
    DecisionCount,
    HitCount,
    Period,
    RuleKey,
    ShadowCount,
)
from service.storage.alerts import SqlAlerts
from service.storage.engine import Database
from service.storage.expiry import expire
from service.storage.rule_hits import SqlRuleHits
from service.storage.tables import heard_hours, rule_hits
from tests.storage.examples import NOW, SECOND, SetClock, a_match, a_transcript, an_alert

pytestmark = pytest.mark.anyio

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
NOON = NOW.replace(minute=0, second=0, microsecond=0)
TODAY = Period(NOON, NOON + 5 * HOUR)
GIFT = RuleKey("scams", "gift-cards", "2")


def a_hit(
    rule_id: str = "gift-cards",
    status: RuleStatus = RuleStatus.ACTIVE,
    *,
    category: str = "fraud",
    review: bool = False,
    excused: bool = False,
) -> Match:
    return Match(
        pack="scams",
        pack_version="3",
        rule_id=rule_id,
        severity=Severity.HIGH,
        category=category,
        spans=((0, 5),),
        explanation="asks for gift cards",
        rule_version="2",
        status=status,
        review=review,
        excused_by=("a negation",) if excused else (),
    )


def shadow(rule_id: str = "tried", category: str = "fraud") -> Match:
    return a_hit(rule_id, RuleStatus.SHADOW, category=category)


class Floor:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.alerts = SqlAlerts(database, SetClock())
        self.hits = SqlRuleHits(database)

    async def say(
        self, id_: str, *hits: Match, at: datetime = NOW, room: str = "lobby", text: str = "hello"
    ) -> bool:
        heard = a_transcript(id_, at, text=text, room_id=room)
        return await self.alerts.commit(heard, [], hits)

    async def alert(self, id_: str, outcome: Outcome | None, *hits: Match) -> None:
        matches = [a_match(hit.rule_id) for hit in hits]
        alert = replace(an_alert(id_, utterance_id=id_), matches=matches)
        await self.alerts.commit(a_transcript(id_), [AlertRaised(alert)], hits)
        if outcome is not None:

            def decide(alert: Alert, history: Sequence[Step]) -> Decision:
                return Person("Mo", NOW).resolve(alert, history, outcome, "")

            await self.alerts.decide(id_, decide)

    async def counted(self, period: Period = TODAY) -> Counted:
        return await self.hits.counted(period)


@pytest.fixture
def floor(database: Database) -> Floor:
    return Floor(database)


async def test_what_was_committed_twice_is_counted_once(floor: Floor) -> None:
    assert await floor.say("u1", a_hit(), shadow())
    assert not await floor.say("u1", a_hit(), a_hit("hurry"))
    counted = await floor.counted()
    assert counted.hits == {
        GIFT: HitCount(live=1),
        RuleKey("scams", "tried", "2"): HitCount(shadow=1),
    }
    assert (counted.utterances, counted.speech_ms) == (1, 2000)


async def test_hours_add_up_what_was_said_in_them(floor: Floor) -> None:
    for number, minutes in enumerate((0, 40, 70)):
        await floor.say(f"u{number}", at=NOON + minutes * 60 * SECOND)
    await floor.say("silent", text="")
    async with floor.database.read() as connection:
        rows = await connection.execute(select(heard_hours).order_by(heard_hours.c.hour))
        assert [tuple(row) for row in rows] == [(NOON, 2, 4000), (NOON + HOUR, 1, 2000)]
    assert (await floor.counted(Period(NOON, NOON + HOUR))).utterances == 2
    assert (await floor.counted(Period(NOON - HOUR, NOON))).utterances == 0
    of_a_room = await floor.counted(replace(TODAY, room_id="lobby"))
    assert (of_a_room.speech_ms, of_a_room.utterances) == (None, None)


async def test_a_period_and_a_room_count_only_their_own(floor: Floor) -> None:
    await floor.say("before", a_hit(), at=NOON - SECOND)
    await floor.say("within", a_hit(review=True, excused=True), at=NOON)
    await floor.say("elsewhere", a_hit(), at=NOON, room="other")
    await floor.say("after", a_hit(), at=NOON + 5 * HOUR)
    assert (await floor.counted()).hits == {GIFT: HitCount(live=2, excused=1, review=1)}
    lobby = replace(TODAY, room_id="lobby")
    assert (await floor.counted(lobby)).hits == {GIFT: HitCount(live=1, excused=1, review=1)}


async def test_decisions_count_for_every_rule_of_the_alert(floor: Floor) -> None:
    hurry = a_hit("hurry")
    await floor.alert("a1", Outcome.UPHELD, a_hit(), hurry)
    await floor.alert("a2", Outcome.DISMISSED, a_hit())
    await floor.alert("a3", None, a_hit())
    assert (await floor.counted()).decisions == {
        GIFT: DecisionCount(alerts=3, undecided=1, upheld=1, dismissed=1),
        RuleKey("scams", "hurry", "2"): DecisionCount(alerts=1, upheld=1),
    }
    assert (await floor.counted(replace(TODAY, room_id="other"))).decisions == {}


async def test_alerts_of_before_hits_were_counted_have_no_version(floor: Floor) -> None:
    await floor.alerts.commit(a_transcript(), [AlertRaised(an_alert())])
    decisions = (await floor.counted()).decisions
    assert decisions[RuleKey("scams", "gift-cards", "")] == DecisionCount(alerts=1, undecided=1)


async def test_a_shadow_rule_is_held_against_what_is_live(floor: Floor) -> None:
    await floor.say("long before", a_hit(), at=NOW - 10 * SECOND)
    await floor.say("alone", shadow(), at=NOW)
    await floor.say("both", shadow(), a_hit(), a_hit("hurry"), at=NOW + SECOND)
    await floor.say("missed", a_hit(), at=NOW + 2 * SECOND)
    await floor.say("missed, too", a_hit(), a_hit("hurry"), at=NOW + 3 * SECOND)
    await floor.say("other harm", a_hit("threat", category="violence"), at=NOW + 4 * SECOND)
    assert (await floor.counted()).shadows == {
        RuleKey("scams", "tried", "2"): ShadowCount(
            since=NOW,
            together=1,
            together_with=(Beside("scams", "gift-cards", 1), Beside("scams", "hurry", 1)),
            missed=2,
            missed_by=(Beside("scams", "gift-cards", 2), Beside("scams", "hurry", 1)),
        )
    }


async def test_a_restart_finds_the_words_and_hits_of_before(floor: Floor) -> None:
    await floor.say("long ago", a_hit(), at=NOW - HOUR)
    await floor.say("excused", a_hit(excused=True), at=NOW - 20 * SECOND)
    await floor.say("now", a_hit(), shadow(), at=NOW)
    said = await floor.hits.past_utterances(
        words_since=NOW - 60 * SECOND, hits_since=NOW - 2 * HOUR, limit=10
    )
    assert [(each.at, each.text, *each.rules) for each in said] == [
        (NOW - HOUR, "", ("scams", "gift-cards")),
        (NOW - 20 * SECOND, "hello"),
        (NOW, "hello"),
        (NOW, "", ("scams", "gift-cards")),
        (NOW, "", ("scams", "tried")),
    ]
    assert {(each.room_id, each.speaker_id) for each in said} == {("lobby", "ann")}
    few = await floor.hits.past_utterances(words_since=NOW, hits_since=NOW, limit=1)
    assert [each.at for each in few] == [NOW, NOW], "the newest, where there are too many"


async def test_hits_go_with_the_alerts_and_hours_much_later(floor: Floor) -> None:
    await floor.say("u1", a_hit())
    await expire(floor.database, NOW + 29 * DAY, talk_hours=24, alert_days=30)
    assert (await floor.counted()).hits
    await expire(floor.database, NOW + 31 * DAY, talk_hours=24, alert_days=30)
    counted = await floor.counted()
    assert (counted.hits, counted.utterances) == ({}, 1)
    await expire(floor.database, NOW + 401 * DAY, talk_hours=24, alert_days=30)
    assert (await floor.counted()).utterances == 0


async def test_what_a_rule_hit_holds_no_words(floor: Floor) -> None:
    await floor.say("u1", a_hit(), text="a secret")
    async with floor.database.read() as connection:
        (row,) = await connection.execute(select(rule_hits))
    assert "secret" not in repr(tuple(row))
