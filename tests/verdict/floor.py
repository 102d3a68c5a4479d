"""Pipeline between a queue and stores in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from asr.overload_ladder import Rung
from asr.speech import EndedBy, Transcript, Unheard, Utterance
from policies.match import Match
from policies.matcher import Matcher
from service.alerts.alert import Alert, AlertRetracted, AlertState, Step
from service.alerts.decisions import Decide
from service.alerts.ports import AlertChange, AlertFilter, Hit, Order
from service.errors import StoreAway
from service.listening.ear import Ear
from service.listening.events import TranscriptHeard
from service.metrics import Metrics
from service.rooms.ears import Ears
from service.rooms.listener import Listener
from service.verdict.judge import Judge
from service.verdict.pipeline import Pipeline
from service.verdict.provisional_alerts import ProvisionalAlerts
from service.verdict.recent_matches import Heat
from service.verdict.transcript_matches import TranscriptMatcher
from service.verdict.unmatched_languages import UnmatchedLanguages
from tests.asr.examples import written
from tests.listening.sound import loud
from tests.policies.writing import pack, rule
from tests.rooms.fakes import NOW, Hearing, Rooms, SetClock, a_room, a_speaker

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
        language: Language of every transcript from now on.
        marks: Quality marks of every transcript from now on.
    """

    says: dict[str, str | Unheard] = field(default_factory=dict)
    language: str = "en"
    marks: Sequence[str] = ()
    out: asyncio.Queue[Transcript | Unheard | None] = field(default_factory=asyncio.Queue)
    put_in: list[Utterance] = field(default_factory=list)

    def put(self, utterance: Utterance) -> None:
        self.put_in.append(utterance)
        said = self.says[utterance.id]
        if isinstance(said, str):
            transcript = written(utterance, said)
            transcript = replace(transcript, marks=self.marks, language=self.language)
            self.out.put_nowait(transcript)
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
        self.unmatched_languages = UnmatchedLanguages(lambda: matcher, self.metrics)
        judge = Judge(
            transcripts=transcripts,
            provisional=self.provisional,
            heat=heat,
            alerts=self.alerts,
            unmatched_languages=self.unmatched_languages,
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
