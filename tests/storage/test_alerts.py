from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial

import pytest
from sqlalchemy import update

from policies.handling import Handling
from policies.severity import Severity
from service.alerts.alert import (
    UNDECIDED,
    Alert,
    AlertRaised,
    AlertRetracted,
    AlertState,
    AlertUpdated,
    Outcome,
    Step,
)
from service.alerts.decisions import Decision, Person, let_stand
from service.alerts.ports import AlertFilter, AlertStore, Hit, Order
from service.errors import Problem
from service.storage.alerts import SqlAlerts
from service.storage.engine import Database
from service.storage.event_log import SqlEventLog
from service.storage.tables import alerts as table
from tests.storage.examples import NOW, SECOND, SetClock, a_transcript, an_alert

pytestmark = pytest.mark.anyio

MO = Person("Mo", NOW)
ALL = AlertFilter()


def upheld(alert: Alert, history: Sequence[Step]) -> Decision:
    return MO.resolve(alert, history, Outcome.UPHELD, "as heard")


@pytest.fixture
def alerts(database: Database) -> AlertStore:
    return SqlAlerts(database, SetClock())


async def types(database: Database) -> list[str]:
    return [event.type for event in await SqlEventLog(database).read(0, 100)]


async def test_an_alert_comes_back_as_it_was_raised(alerts: AlertStore, database: Database) -> None:
    assert await alerts.commit(a_transcript(), [AlertRaised(an_alert())])
    assert await alerts.get("a1") == an_alert()
    assert await alerts.get("a2") is None
    assert await types(database) == ["transcript.heard", "alert.raised"]


async def test_alerts_of_an_earlier_version_still_load(
    alerts: AlertStore, database: Database
) -> None:
    await alerts.commit(a_transcript(), [AlertRaised(an_alert())])
    first = ("pack", "pack_version", "rule_id", "severity", "category", "spans", "explanation")
    stored = [
        {name: value for name, value in asdict(match).items() if name in first}
        for match in an_alert().matches
    ]
    async with database.write() as connection:
        await connection.execute(update(table).values(matches=stored))
    found = await alerts.get("a1")
    assert found is not None
    match = found.matches[0]
    assert (match.rule_id, match.title, match.layer, match.actions) == ("gift-cards", "", None, ())


async def test_the_same_utterance_is_committed_once(alerts: AlertStore, database: Database) -> None:
    assert await alerts.commit(a_transcript(), [AlertRaised(an_alert())])
    again = replace(an_alert(), id="a2", excerpt="heard otherwise")
    assert not await alerts.commit(a_transcript(text="heard otherwise"), [AlertRaised(again)])
    assert await alerts.get("a2") is None
    assert len(await types(database)) == 2


async def test_of_many_commits_of_one_utterance_at_once_one_counts(
    database: Database, url: str
) -> None:
    other = Database(url)
    stores = [SqlAlerts(database), SqlAlerts(other)] * 4
    raised = [AlertRaised(an_alert())]
    counted = await asyncio.gather(*(store.commit(a_transcript(), raised) for store in stores))
    await other.close()
    assert sorted(counted) == [False] * 7 + [True]
    assert await types(database) == ["transcript.heard", "alert.raised"]


async def test_an_utterance_without_words_is_on_record_but_no_event(
    alerts: AlertStore, database: Database
) -> None:
    assert await alerts.commit(a_transcript(text=""), [])
    assert not await alerts.commit(a_transcript(text="hello"), [])
    assert await types(database) == []


async def test_a_commit_that_fails_leaves_no_part_of_it(
    alerts: AlertStore, database: Database
) -> None:
    await alerts.commit(a_transcript("u1"), [AlertRaised(an_alert("a1", utterance_id="u1"))])
    clash = AlertRaised(an_alert("a1", utterance_id="u2"))
    with pytest.raises(Exception, match="(?i)unique"):
        await alerts.commit(a_transcript("u2"), [clash])
    assert await types(database) == ["transcript.heard", "alert.raised"]
    assert await alerts.commit(a_transcript("u2"), [])


async def test_hits_are_the_rules_of_this_speakers_alerts_since_then_latest_first(
    alerts: AlertStore,
) -> None:
    for number in range(3):
        alert = an_alert(f"a{number}", NOW + number * 10 * SECOND, utterance_id=f"u{number}")
        await alerts.commit(a_transcript(f"u{number}"), [AlertRaised(alert)])
    raised = NOW + 13 * SECOND
    found = await alerts.hits("lobby", "ann", raised)
    assert [(hit.alert_id, hit.rule_id) for hit in found] == [
        ("a2", "gift-cards"),
        ("a2", "hurry"),
        ("a1", "gift-cards"),
        ("a1", "hurry"),
    ]
    assert found[2] == Hit("scams", "gift-cards", "a1", raised)
    assert await alerts.hits("lobby", "bob", NOW) == []
    assert await alerts.hits("other", "ann", NOW) == []


async def test_a_hit_tells_whether_its_alert_carries_the_rule_for_review(
    alerts: AlertStore,
) -> None:
    alert = an_alert()
    first, *others = alert.matches
    matches = [replace(first, review=True), *others]
    await alerts.commit(a_transcript("u1"), [AlertRaised(replace(alert, matches=matches))])
    found = {hit.rule_id: hit.review for hit in await alerts.hits("lobby", "ann", NOW)}
    assert found == {match.rule_id: match.review for match in matches}
    assert found[first.rule_id]


async def test_a_repeat_counts_on_the_stored_alert_and_keeps_what_people_did_meanwhile(
    alerts: AlertStore, database: Database
) -> None:
    await alerts.commit(a_transcript("u1"), [AlertRaised(an_alert())])
    acknowledged = await alerts.decide("a1", MO.acknowledge)
    assert acknowledged == replace(an_alert(), state=AlertState.ACKNOWLEDGED, owner="Mo")
    repeated = AlertUpdated(replace(an_alert(), repeats=1))
    await alerts.commit(a_transcript("u2"), [repeated])
    assert await alerts.get("a1") == replace(acknowledged, repeats=1)
    (*_, last) = await SqlEventLog(database).read(0, 100)
    assert (last.type, last.data["state"], last.data["repeats"]) == (
        "alert.updated",
        "acknowledged",
        1,
    )


async def test_a_decision_its_history_and_its_event_are_one(
    alerts: AlertStore, database: Database
) -> None:
    await alerts.commit(a_transcript(), [AlertRaised(an_alert())])
    resolved = await alerts.decide("a1", upheld)
    assert resolved is not None
    assert (resolved.state, resolved.owner, resolved.outcome) == (
        AlertState.RESOLVED,
        "Mo",
        Outcome.UPHELD,
    )
    assert await alerts.get("a1") == resolved
    assert await alerts.history("a1") == [Step("a1", NOW, "Mo", "resolve: upheld", "as heard")]
    assert (await types(database))[2:] == ["alert.resolved"]
    (*_, last) = await SqlEventLog(database).read(0, 100)
    assert (last.data["outcome"], last.data["reason"], last.data["id"], last.data["owner"]) == (
        "upheld",
        "as heard",
        "a1",
        "Mo",
    )


async def test_a_refused_decision_writes_nothing(alerts: AlertStore, database: Database) -> None:
    await alerts.commit(a_transcript(), [AlertRaised(an_alert())])
    await alerts.decide("a1", upheld)
    before = await SqlEventLog(database).latest()
    with pytest.raises(
        Problem, match=r"is resolved since Mo upheld it at 2026-05-17T12:00:00.123Z"
    ):
        await alerts.decide("a1", Person("Jo", NOW).acknowledge)
    assert len(await alerts.history("a1")) == 1
    assert await SqlEventLog(database).latest() == before
    assert await alerts.decide("a2", upheld) is None


async def test_of_many_who_acknowledge_at_once_one_does(database: Database, url: str) -> None:
    other = Database(url)
    stores = [SqlAlerts(database), SqlAlerts(other)] * 3
    await stores[0].commit(a_transcript(), [AlertRaised(an_alert())])
    people = [Person(f"P{number}", NOW) for number in range(6)]
    deciding = [
        store.decide("a1", person.acknowledge) for store, person in zip(stores, people, strict=True)
    ]
    outcomes = await asyncio.gather(*deciding, return_exceptions=True)
    await other.close()
    (winner,) = [one for one in outcomes if isinstance(one, Alert)]
    assert sum(isinstance(one, Problem) for one in outcomes) == 5
    (step,) = await stores[0].history("a1")
    assert (step.who, step.action) == (winner.owner, "acknowledge")
    for one in outcomes:
        assert isinstance(one, Alert) or f"since {winner.owner} acknowledged it" in str(one)


async def test_a_decision_shows_the_repeats_that_came_meanwhile(
    alerts: AlertStore, database: Database
) -> None:
    await alerts.commit(a_transcript("u1"), [AlertRaised(an_alert())])
    await alerts.commit(a_transcript("u2"), [AlertUpdated(replace(an_alert(), repeats=4))])
    await alerts.decide("a1", MO.acknowledge)
    (*_, last) = await SqlEventLog(database).read(0, 100)
    assert (last.data["repeats"], last.data["owner"]) == (4, "Mo")


async def fill(alerts: AlertStore, *severities: Severity) -> None:
    """Store alerts `a0`, `a1` and so on, a second apart."""
    for number, severity in enumerate(severities):
        alert = an_alert(
            f"a{number}",
            NOW + number * SECOND,
            utterance_id=f"u{number}",
            severity=severity,
            room_id=f"r{number % 2}",
        )
        speaker = replace(alert, speaker_id=f"s{number % 3}", category=f"c{number % 4}")
        await alerts.commit(a_transcript(f"u{number}"), [AlertRaised(speaker)])


async def ids(
    alerts: AlertStore, wanted: AlertFilter = ALL, order: Order = Order.NEWEST, limit: int = 1
) -> list[str]:
    found: list[Alert] = []
    cursor = None
    for _ in range(20):
        page, cursor = await alerts.page(wanted, limit=limit, cursor=cursor, order=order)
        assert len(page) <= limit
        found += page
        if cursor is None:
            break
    return [alert.id for alert in found]


async def test_pages_are_newest_first_and_filtered(alerts: AlertStore) -> None:
    await fill(alerts, *Severity)
    assert await ids(alerts) == ["a3", "a2", "a1", "a0"]
    assert await ids(alerts, AlertFilter(least_severity=Severity.HIGH)) == ["a3", "a2"]
    assert await ids(alerts, AlertFilter(room_id="r0")) == ["a2", "a0"]
    assert await ids(alerts, AlertFilter(states=[AlertState.RESOLVED])) == []
    assert await ids(alerts, AlertFilter(speaker_ids=["s0", "s2"])) == ["a3", "a2", "a0"]
    assert await ids(alerts, AlertFilter(categories=["c1", "c2"])) == ["a2", "a1"]
    both = AlertFilter(room_id="r1", states=[AlertState.OPEN], least_severity=Severity.MEDIUM)
    assert await ids(alerts, both) == ["a3", "a1"]
    await alerts.decide("a1", MO.acknowledge)
    assert await ids(alerts, AlertFilter(states=UNDECIDED)) == ["a3", "a2", "a1", "a0"]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 50])
async def test_by_severity_the_gravest_come_first_and_the_newest_of_equally_grave_ones(
    alerts: AlertStore, limit: int
) -> None:
    low, medium, high, critical = Severity
    await fill(alerts, high, low, critical, high, medium, critical, low)
    found = await ids(alerts, order=Order.SEVERITY, limit=limit)
    assert found == ["a5", "a2", "a3", "a0", "a4", "a6", "a1"]


@pytest.mark.parametrize("order", Order)
async def test_alerts_of_one_moment_are_listed_once_each(alerts: AlertStore, order: Order) -> None:
    for number in range(7):
        alert = an_alert(f"a{number}", utterance_id=f"u{number}")
        await alerts.commit(a_transcript(f"u{number}"), [AlertRaised(alert)])
    assert await ids(alerts, order=order, limit=2) == [f"a{number}" for number in range(6, -1, -1)]


@pytest.mark.parametrize("order", Order)
async def test_what_is_raised_or_decided_meanwhile_shifts_no_page(
    alerts: AlertStore, order: Order
) -> None:
    await fill(alerts, *[Severity.HIGH] * 6)
    undecided = AlertFilter(states=UNDECIDED)
    first, cursor = await alerts.page(undecided, limit=3, order=order)
    await alerts.decide(first[0].id, upheld)
    await alerts.decide(first[2].id, upheld)
    newer = an_alert("a9", NOW + 9 * SECOND, utterance_id="u9", severity=Severity.CRITICAL)
    await alerts.commit(a_transcript("u9"), [AlertRaised(newer)])
    second, _ = await alerts.page(undecided, limit=3, cursor=cursor, order=order)
    assert [alert.id for alert in (*first, *second)] == ["a5", "a4", "a3", "a2", "a1", "a0"]


@pytest.mark.parametrize("order", Order)
async def test_a_cursor_of_the_other_order_is_refused_with_the_remedy(
    alerts: AlertStore, order: Order
) -> None:
    await fill(alerts, *Severity)
    (other,) = set(Order) - {order}
    _, cursor = await alerts.page(ALL, limit=1, order=other)
    with pytest.raises(Problem, match=f"`order={other}`; send that with it") as caught:
        await alerts.page(ALL, limit=1, cursor=cursor, order=order)
    assert caught.value.status == 400


async def test_decided_alerts_absorb_no_further_hits(alerts: AlertStore) -> None:
    await alerts.commit(a_transcript("u1"), [AlertRaised(an_alert())])
    assert await alerts.hits("lobby", "ann", NOW)
    await alerts.decide("a1", upheld)
    assert await alerts.hits("lobby", "ann", NOW) == []


PROVISIONAL = replace(an_alert(), provisional=True, excerpt="the words so far")


async def test_a_provisional_alert_is_confirmed_by_the_whole_words(
    alerts: AlertStore, database: Database
) -> None:
    assert await alerts.raise_provisional(PROVISIONAL)
    assert await alerts.provisional_ids() == ["a1"]
    assert await alerts.commit(a_transcript(), [AlertRaised(an_alert())])
    assert await alerts.get("a1") == an_alert()
    assert await alerts.provisional_ids() == []
    assert await types(database) == ["alert.raised", "transcript.heard", "alert.updated"]


async def test_what_people_did_with_a_provisional_alert_outlasts_its_confirmation(
    alerts: AlertStore,
) -> None:
    await alerts.raise_provisional(PROVISIONAL)
    await alerts.decide("a1", MO.acknowledge)
    await alerts.commit(a_transcript(), [AlertRaised(replace(an_alert(), raised_at=NOW + SECOND))])
    confirmed = await alerts.get("a1")
    assert confirmed == replace(an_alert(), state=AlertState.ACKNOWLEDGED, owner="Mo")


async def test_a_provisional_alert_is_told_anew_when_more_is_known(
    alerts: AlertStore, database: Database
) -> None:
    assert await alerts.raise_provisional(PROVISIONAL)
    assert not await alerts.raise_provisional(PROVISIONAL), "it says the same"
    more = replace(PROVISIONAL, excerpt="the words so far and more", severity=Severity.CRITICAL)
    assert await alerts.raise_provisional(more)
    assert await alerts.get("a1") == more
    assert await types(database) == ["alert.raised", "alert.updated"]


async def test_nothing_is_foretold_of_what_is_on_record(alerts: AlertStore) -> None:
    await alerts.commit(a_transcript(), [])
    assert not await alerts.raise_provisional(PROVISIONAL)
    assert await alerts.get("a1") is None


async def test_a_provisional_alert_is_retracted_and_its_history_says_so(
    alerts: AlertStore, database: Database
) -> None:
    await alerts.raise_provisional(PROVISIONAL)
    assert await alerts.commit(a_transcript(), [AlertRetracted(PROVISIONAL)])
    retracted = await alerts.get("a1")
    assert retracted == replace(PROVISIONAL, state=AlertState.RETRACTED, provisional=False)
    assert [(step.who, step.action) for step in await alerts.history("a1")] == [
        ("earshot", "retract")
    ]
    assert await types(database) == ["alert.raised", "transcript.heard", "alert.retracted"]
    assert await alerts.hits("room", "ann", NOW - SECOND) == []


async def test_an_alert_that_people_decided_is_not_retracted(
    alerts: AlertStore, database: Database
) -> None:
    await alerts.raise_provisional(PROVISIONAL)
    await alerts.decide("a1", upheld)
    await alerts.commit(a_transcript(), [AlertRetracted(PROVISIONAL)])
    kept = await alerts.get("a1")
    assert kept is not None
    assert (kept.state, kept.outcome, kept.provisional) == (
        AlertState.RESOLVED,
        Outcome.UPHELD,
        False,
    )
    assert (await types(database))[-1] == "alert.updated"


async def test_a_provisional_alert_whose_end_never_comes_stands(alerts: AlertStore) -> None:
    await alerts.raise_provisional(PROVISIONAL)
    await alerts.decide("a1", let_stand(NOW, "its end was not heard"))
    assert await alerts.get("a1") == replace(PROVISIONAL, provisional=False)
    assert await alerts.provisional_ids() == []


async def test_escalated_alerts_are_listed_apart_and_page_by_page(alerts: AlertStore) -> None:
    for number in range(5):
        utterance = f"u{number}"
        alert = an_alert(f"a{number}", NOW + number * SECOND, utterance_id=utterance)
        await alerts.commit(a_transcript(utterance), [AlertRaised(alert)])
    for id_ in ("a0", "a1", "a3"):
        after = await alerts.decide(id_, partial(MO.escalate, to="night shift", reason=""))
        assert after is not None
        assert await alerts.get(id_) == after
        assert (after.escalated_at, after.escalated_to) == (NOW, "night shift")
    for order in Order:
        wanted = AlertFilter(escalated=True)
        page, cursor = await alerts.page(wanted, limit=2, order=order)
        assert [alert.id for alert in page] == ["a3", "a1"]
        page, cursor = await alerts.page(wanted, limit=2, cursor=cursor, order=order)
        assert ([alert.id for alert in page], cursor) == (["a0"], None)
    assert await ids(alerts, AlertFilter(escalated=False)) == ["a4", "a2"]


async def test_a_provisional_alert_keeps_its_escalation_when_it_is_confirmed(
    alerts: AlertStore, database: Database
) -> None:
    await alerts.raise_provisional(replace(an_alert(), provisional=True))
    await alerts.decide("a1", partial(MO.escalate, to="Cy", reason=""))
    await alerts.commit(a_transcript(), [AlertRaised(an_alert())])
    after = await alerts.get("a1")
    assert after is not None
    assert (after.escalated_at, after.escalated_to) == (NOW, "Cy")
    assert await types(database) == [
        "alert.raised", "alert.escalated", "transcript.heard", "alert.updated",
    ]  # fmt: skip


@pytest.mark.parametrize("decided", [True, False])
async def test_a_decided_alert_keeps_the_handling_that_it_was_decided_under(
    alerts: AlertStore, decided: bool
) -> None:
    despair = replace(an_alert(), provisional=True, handling=Handling.HELP)
    await alerts.raise_provisional(despair)
    if decided:
        await alerts.decide("a1", partial(MO.resolve, outcome=Outcome.SUPPORTED))
    await alerts.commit(a_transcript(), [AlertRaised(an_alert())])
    after = await alerts.get("a1")
    assert after is not None
    assert after.handling is (Handling.HELP if decided else Handling.OFFENCE)
    if decided:
        await alerts.decide("a1", partial(MO.reopen, to=AlertState.OPEN))
        upheld = await alerts.decide("a1", partial(MO.resolve, outcome=Outcome.UPHELD))
        assert upheld is not None, "reopened, it is about what was said in the end"
        assert (upheld.handling, upheld.outcome) == (Handling.OFFENCE, Outcome.UPHELD)
