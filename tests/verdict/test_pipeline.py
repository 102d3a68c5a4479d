"""From utterances to commits, between a queue and stores in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from asr.ladder import Rung
from asr.quality import NOT_SPOKEN, PHANTOM, REPETITION
from asr.speech import EndedBy, Transcript, Unheard, Utterance
from policies.match import Action, Layer, Match
from policies.matcher import Matcher
from policies.severity import Severity
from service.alerts.alert import Alert, AlertRetracted, AlertState, Step
from service.alerts.decisions import Decide
from service.alerts.ports import AlertChange, AlertFilter, Hit, Order
from service.errors import StoreAway
from service.listening.ear import Ear
from service.listening.heard import TranscriptHeard
from service.metrics import Metrics
from service.rooms.ears import Ears
from service.rooms.listener import Listener
from service.verdict.heat import Heat
from service.verdict.judge import Judge
from service.verdict.overload import Lag
from service.verdict.pipeline import Pipeline
from service.verdict.provisional_alerts import ProvisionalAlerts
from service.verdict.transcript_matches import TranscriptMatcher
from service.verdict.unmatched_languages import UnmatchedLanguages
from tests.asr.examples import written
from tests.listening.sound import loud
from tests.policies.writing import pack, rule
from tests.rooms.fakes import NOW, Hearing, Rooms, SetClock, a_room, a_speaker

pytestmark = pytest.mark.anyio

RULES = [
    rule("insult", en=["you fool"], severity="high", cooldown="30s"),
    rule("scam", en=["gift card"]),
    rule("tried", en=["you fool"], status="shadow"),
]


def spoken(id_: str, room_id: str, speaker_id: str, started_at: datetime) -> Utterance:
    """A second of sound."""
    return Utterance(id_, room_id, speaker_id, started_at, bytes(32_000), EndedBy.SILENCE)


@dataclass
class Queue:
    """`asr.work_queue.WorkQueue` with results that the test sets.

    Attributes:
        says: Text, or reason for none, by utterance id.
        marks: Quality marks of every transcript from now on.
    """

    says: dict[str, str | Unheard] = field(default_factory=dict)
    marks: Sequence[str] = ()
    out: asyncio.Queue[Transcript | Unheard | None] = field(default_factory=asyncio.Queue)
    put_in: list[Utterance] = field(default_factory=list)

    def put(self, utterance: Utterance) -> None:
        self.put_in.append(utterance)
        said = self.says[utterance.id]
        if isinstance(said, str):
            self.out.put_nowait(replace(written(utterance, said), marks=self.marks))
        else:
            self.out.put_nowait(replace(said, utterance=utterance))

    async def results(self) -> AsyncIterator[Transcript | Unheard]:
        while (result := await self.out.get()) is not None:
            yield result

    def waiting(self) -> int:
        return 0

    @property
    def rung(self) -> Rung:
        return Rung.NONE


class Broken(Exception):
    """Error that no later attempt mends."""


@dataclass
class Alerts:
    """`service.alerts.ports.AlertStore`.

    Attributes:
        broken: Utterances that the store always refuses.
        away: Rooms for which the store is away.
        attempts: Room and utterance of every attempt to commit, in order.
    """

    heard: dict[str, TranscriptHeard] = field(default_factory=dict)
    alerts: dict[str, Alert] = field(default_factory=dict)
    rule_hits: list[tuple[str, Match]] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)
    away: set[str] = field(default_factory=set)
    attempts: list[tuple[str, str]] = field(default_factory=list)
    busy: int = 0
    """Commits that fail before one succeeds."""
    on_commit: Callable[[], None] = lambda: None
    raised_early: list[Alert] = field(default_factory=list)

    async def hits(self, room_id: str, speaker_id: str, since: datetime) -> Sequence[Hit]:
        found = [
            Hit(match.pack, match.rule_id, alert.id, alert.raised_at, match.review)
            for alert in self.alerts.values()
            if (alert.room_id, alert.speaker_id) == (room_id, speaker_id)
            for match in alert.matches
            if alert.raised_at >= since
        ]
        return sorted(found, key=lambda hit: hit.raised_at, reverse=True)

    async def commit(
        self,
        heard: TranscriptHeard,
        alerts: Sequence[AlertChange],
        hits: Sequence[Match] = (),
    ) -> bool:
        self.on_commit()
        self.attempts.append((heard.room_id, heard.utterance_id))
        self.busy -= 1
        if heard.utterance_id in self.broken:
            raise Broken
        if heard.room_id in self.away or self.busy >= 0:
            raise StoreAway("the database does not answer")
        if heard.utterance_id in self.heard:
            return False
        self.heard[heard.utterance_id] = heard
        self.rule_hits += [(heard.utterance_id, hit) for hit in hits]
        for event in alerts:
            retracted = isinstance(event, AlertRetracted)
            after = replace(event.alert, provisional=False)
            if retracted:
                after = replace(after, state=AlertState.RETRACTED)
            self.alerts[event.alert.id] = after
        return True

    async def raise_provisional(self, alert: Alert) -> bool:
        self.raised_early.append(alert)
        self.alerts[alert.id] = alert
        return True

    async def provisional_ids(self) -> Sequence[str]:
        return [alert.id for alert in self.alerts.values() if alert.provisional]

    async def get(self, alert_id: str) -> Alert | None:
        return self.alerts.get(alert_id)

    async def page(
        self,
        wanted: AlertFilter,
        *,
        limit: int,
        cursor: str | None = None,
        order: Order = Order.NEWEST,
    ) -> tuple[Sequence[Alert], str | None]:
        return list(self.alerts.values())[:limit], None

    async def decide(self, alert_id: str, decide: Decide) -> Alert | None:
        decision = decide(self.alerts[alert_id], [])
        if decision is not None:
            self.alerts[alert_id] = decision.event.alert
        return self.alerts[alert_id]

    async def history(self, alert_id: str) -> Sequence[Step]:
        return []


@dataclass
class Floor:
    clock: SetClock = field(default_factory=SetClock)
    queue: Queue = field(default_factory=Queue)
    alerts: Alerts = field(default_factory=Alerts)
    hearing: Hearing = field(default_factory=Hearing)
    metrics: Metrics = field(default_factory=Metrics)
    listeners: dict[str, Listener] = field(default_factory=dict)
    confirming: list[str] = field(default_factory=list)
    """Speakers of whom another interim transcript was asked for at once."""
    retry_after_s: Sequence[float] = (0.0, 0.0)
    lane_capacity: int = 200

    def __post_init__(self) -> None:
        matcher = Matcher([pack(*RULES)])
        transcripts, heat = TranscriptMatcher(lambda: matcher), Heat()
        self.provisional = ProvisionalAlerts(
            queue=self.queue,
            transcripts=transcripts,
            alerts=self.alerts,
            heat=heat,
            confirm_soon=lambda listener: self.confirming.append(listener.speaker.id),
            metrics=self.metrics,
            clock=self.clock,
        )
        judge = Judge(
            transcripts=transcripts,
            provisional=self.provisional,
            heat=heat,
            alerts=self.alerts,
            unmatched_languages=UnmatchedLanguages(lambda: matcher, self.metrics),
            metrics=self.metrics,
            clock=self.clock,
            retry_after_s=self.retry_after_s,
        )
        self.pipeline = Pipeline(
            queue=self.queue,
            judge=judge,
            provisional=self.provisional,
            heat=heat,
            metrics=self.metrics,
            clock=self.clock,
            lane_capacity=self.lane_capacity,
        )
        self.ears = Ears(
            make_ear=lambda room, speaker, now, cut: Ear(room, speaker, vad=loud, now=now),
            on_utterance=self.pipeline.queue_utterance,
            show_levels=lambda levels, at: None,
            rooms=Rooms({"lobby": a_room()}),
            hearing=self.hearing,
            metrics=self.metrics,
            clock=self.clock,
        )

    def say(
        self,
        id_: str,
        text: str | None,
        *,
        at_s: float = 0.0,
        speaker: str = "ann",
        room: str = "lobby",
    ) -> None:
        """Put an utterance (None: it gets no transcript). A speaker stays in their first room."""
        utterance = self._spoken(id_, text, at_s, speaker, EndedBy.SILENCE, room)
        self.listeners[speaker].unsettled[id_] = utterance.started_at
        self.pipeline.queue_utterance(self.listeners[speaker], utterance)

    def go_on(
        self, id_: str, text: str | None, revision: int, *, at_s: float = 0.0, speaker: str = "ann"
    ) -> None:
        """Put an interim transcript of the words so far."""
        utterance = self._spoken(id_, text, at_s, speaker, EndedBy.OPEN)
        self.provisional.queue_interim(
            self.listeners[speaker], replace(utterance, revision=revision)
        )

    def _spoken(
        self,
        id_: str,
        text: str | None,
        at_s: float,
        speaker: str,
        ended_by: EndedBy,
        room: str = "lobby",
    ) -> Utterance:
        if speaker not in self.listeners:
            ear = Ear(room, speaker, vad=loud, now=NOW)
            self.listeners[speaker] = Listener(ear, a_speaker(speaker, room), a_room(room))
        room_id, at = self.listeners[speaker].room.id, NOW + timedelta(seconds=at_s)
        utterance = replace(spoken(id_, room_id, speaker, at), ended_by=ended_by)
        self.queue.says[id_] = text if text is not None else Unheard(utterance, "overloaded")
        return utterance

    async def finish(self) -> None:
        """Run until every utterance is settled."""
        self.queue.out.put_nowait(None)
        async with asyncio.timeout(5):
            await self.pipeline.run(self.ears)
        await self.ears.flush()
        assert all(not listener.unsettled for listener in self.listeners.values())


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
