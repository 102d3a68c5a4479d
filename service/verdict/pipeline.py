"""A room's sound to people who can act, on one screen.

    packet -> Ear -> utterance -> WorkQueue -> transcript -> Matcher -> triage -> one commit

`rooms.ears` turns packets into utterances; here they become words, verdicts and alerts, in one
ordered lane per room. Feed and webhooks read what is committed from the event log: nothing here
speaks to them. Interim transcripts of speech that goes on take the same way, through `Provisional`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import assert_never

import structlog

from asr.quality import MARKS
from asr.speech import Transcript, Unheard, Utterance, WorkClass
from asr.work_queue import WorkQueue
from service.alerts.alert import AlertRaised, AlertRetracted, AlertUpdated
from service.alerts.ports import AlertChange, AlertStore
from service.alerts.triage import alert_id, raise_alert, triage
from service.clock import Clock
from service.errors import StoreAway
from service.listening.heard import AudioGap, TranscriptHeard
from service.metrics import Metrics
from service.rooms.ears import Ears
from service.rooms.listener import Listener
from service.verdict.heat import Heat
from service.verdict.lanes import RoomLanes
from service.verdict.overload import Lag
from service.verdict.provisional_alerts import Provisional
from service.verdict.reading import Reader, Reading
from service.verdict.unmatched_languages import UnmatchedLanguages

log = structlog.get_logger()

RETRY_AFTER_S = (0.2, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 5.0)
"""Waits between attempts at a store that is away: a restarted database costs no words."""
LANE_CAPACITY = 200
"""Results that may wait for their verdict in one room: minutes of talk."""
VERDICT_BACKLOG = "verdict_backlog"
"""Reason of the gap in place of an utterance that a full lane gave up."""
NOT_RECORDED = "it could not be put on record"


@dataclass(frozen=True, slots=True)
class _Final:
    """The transcript of speech that has ended. Its utterance has no sound any more."""

    listener: Listener
    utterance: Utterance
    transcript: Transcript


@dataclass(frozen=True, slots=True)
class _Lost:
    """An utterance that got no transcript, with the gap in its place."""

    listener: Listener
    utterance: Utterance
    gap: AudioGap


@dataclass(frozen=True, slots=True)
class _Interim:
    """The transcript of speech that goes on."""

    transcript: Transcript


_Item = _Final | _Lost | _Interim


@dataclass(frozen=True, slots=True)
class _Unsettled:
    """An utterance on its way from the ear to its commit or gap."""

    listener: Listener
    utterance: Utterance
    ended_at: datetime


class Pipeline:
    """From utterance to commit. Wire `heard` as `Ears`' `on_utterance`, then `run`.

    A lane per room keeps the order in which its speakers' utterances were transcribed, and is all
    that waits while something of that room cannot be stored.

    Args:
        retry_after_s: Waits between attempts at a store that is away. No other error is retried.
        lane_capacity: Results that may wait in one room's lane.
    """

    def __init__(
        self,
        *,
        queue: WorkQueue,
        reader: Reader,
        provisional: Provisional,
        heat: Heat,
        alerts: AlertStore,
        unmatched_languages: UnmatchedLanguages,
        metrics: Metrics,
        clock: Clock,
        retry_after_s: Sequence[float] = RETRY_AFTER_S,
        lane_capacity: int = LANE_CAPACITY,
    ) -> None:
        self._queue = queue
        self._reader = reader
        self._provisional = provisional
        self._heat = heat
        self._alerts = alerts
        self._unmatched_languages = unmatched_languages
        self._metrics = metrics
        self._clock = clock
        self._retry_after_s = retry_after_s
        self._lane_capacity = lane_capacity
        self._hurried = asyncio.Event()
        # Until settled or lost, without a pause between the two: an utterance heard again either
        # finds itself here or begins anew.
        self._unsettled: dict[str, _Unsettled] = {}
        metrics.waiting.set_function(queue.waiting)
        metrics.overload_rung.set_function(lambda: queue.rung)

    def heard(self, listener: Listener, utterance: Utterance) -> None:
        """Hand an utterance that an ear cut to the recogniser."""
        if utterance.id in self._unsettled:  # heard twice: the first settles both
            return
        now = self._clock()
        hot = self._heat.room(utterance.room_id, now)
        work = WorkClass.HOT_FINAL if hot else WorkClass.FINAL
        utterance = replace(utterance, languages=listener.room.languages, work=work)
        self._unsettled[utterance.id] = _Unsettled(listener, utterance, utterance.ended_at)
        self._queue.put(utterance)

    def lag(self, now: datetime) -> Lag:
        """How far verdicts are behind the words."""
        oldest = min((each.ended_at for each in self._unsettled.values()), default=now)
        behind_s = max(0.0, (now - oldest).total_seconds())
        return Lag(behind_s, len(self._unsettled), self._queue.rung)

    def hurry(self) -> None:
        """Stop waiting for a store that is away: the server is stopping."""
        self._hurried.set()

    async def run(self, ears: Ears) -> None:
        """Follow the recogniser's results until its queue is closed and every lane is empty."""
        async with asyncio.TaskGroup() as tasks:
            lanes: RoomLanes[_Item] = RoomLanes(
                tasks,
                partial(self._work, ears),
                expendable=lambda item: isinstance(item, _Interim),
                capacity=self._lane_capacity,
            )
            async for result in self._queue.results():
                item = self._item(result)
                if item is None:
                    continue
                dropped = lanes.put(_room_of(item), item)
                if dropped is not None:
                    await self._give_up(ears, dropped)

    def _item(self, result: Transcript | Unheard) -> _Item | None:
        """The work that a result means; None where a newer result says more."""
        match result:
            case Transcript(revision=revision) if revision:
                return _Interim(result)
            case Unheard(Utterance(revision=revision)) if revision:
                return None
            case Transcript():
                known = self._transcribed(result.utterance_id)
                return _Final(known.listener, known.utterance, result) if known else None
            case Unheard(utterance, reason):
                gap = AudioGap.of(utterance, reason)
                known = self._transcribed(utterance.id)
                return _Lost(known.listener, known.utterance, gap) if known else None
            case _:
                assert_never(result)

    def _transcribed(self, utterance_id: str) -> _Unsettled | None:
        """The utterance without its sound, which nobody needs any more and lanes would hold."""
        waiting = self._unsettled.get(utterance_id)
        if waiting is None:
            self._metrics.failures.labels("result").inc()
            log.error("pipeline.result_of_nothing", utterance=utterance_id)
            return None
        silent = replace(waiting, utterance=replace(waiting.utterance, pcm=b""))
        self._unsettled[utterance_id] = silent
        return silent

    async def _work(self, ears: Ears, item: _Item) -> None:
        """Process one item of a lane, whatever happens."""
        match item:
            case _Interim(transcript):
                await self._guard(self._provisional.seen(transcript))
            case _Final(listener, utterance, transcript):
                await self._judge_or_lose(ears, listener, utterance, transcript)
            case _Lost(listener, utterance, gap):
                await self._lose(ears, listener, utterance, gap)
            case _:
                assert_never(item)
        await self._guard(self._provisional.stand(_room_of(item)))

    async def _judge_or_lose(
        self, ears: Ears, listener: Listener, utterance: Utterance, transcript: Transcript
    ) -> None:
        try:
            await self._judge(listener, utterance, transcript)
        except Exception as error:
            self._metrics.failures.labels("verdict").inc()
            if isinstance(error, StoreAway):
                log.error("pipeline.verdict_failed", utterance=utterance.id, why="store away")
            else:
                log.exception("pipeline.verdict_failed", utterance=utterance.id)
            gap = _gap_of(utterance, transcript, NOT_RECORDED)
            await self._lose(ears, listener, utterance, gap)
        else:
            self._unsettled.pop(utterance.id, None)
            await ears.settle(listener, utterance.id)

    async def _give_up(self, ears: Ears, item: _Item) -> None:
        """Put a gap in place of what a full lane let go of; an interim transcript costs nothing."""
        match item:
            case _Interim():
                pass
            case _Final(listener, utterance, transcript):
                log.warning("pipeline.verdict_backlog", utterance=utterance.id)
                gap = _gap_of(utterance, transcript, VERDICT_BACKLOG)
                await self._lose(ears, listener, utterance, gap)
            case _Lost(listener, utterance, gap):
                await self._lose(ears, listener, utterance, gap)
            case _:
                assert_never(item)

    async def _lose(
        self, ears: Ears, listener: Listener, utterance: Utterance, gap: AudioGap
    ) -> None:
        self._unsettled.pop(utterance.id, None)
        self._reader.forget(utterance)
        self._provisional.lost(utterance)
        await ears.lose(listener, utterance.id, gap)

    async def _guard(self, work: Awaitable[None]) -> None:
        """Outlive a failure about speech that goes on: it costs no words."""
        try:
            await work
        except Exception:
            self._metrics.failures.labels("provisional").inc()
            log.exception("pipeline.provisional_failed")

    async def _judge(
        self, listener: Listener, utterance: Utterance, transcript: Transcript
    ) -> None:
        packs = frozenset(listener.room.policies) or None
        reading = self._reader.read(utterance, transcript, packs, listener.speaker.role)
        foretold = self._provisional.ended(utterance)
        if reading.matches:
            self._heat.hit(*listener.key, self._clock())
        for wait_s in self._retry_after_s:
            if self._hurried.is_set():
                break
            try:
                return await self._record(listener, transcript, reading, foretold=foretold)
            except StoreAway:
                log.warning("pipeline.store_away", utterance=utterance.id, wait_s=wait_s)
                self._metrics.failures.labels("record").inc()
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._hurried.wait()
        await self._record(listener, transcript, reading, foretold=foretold)

    async def _record(
        self, listener: Listener, transcript: Transcript, reading: Reading, *, foretold: bool
    ) -> None:
        """Put the utterance and what follows from it on record, once however often it is tried.

        `foretold` is whether an alert was raised while it was being said.
        """
        heard = TranscriptHeard.of(transcript, listener.speaker.name)
        now = self._clock()
        longest = max((match.cooldown_s for match in reading.matches), default=0.0)
        own = alert_id(heard.utterance_id)
        hits = await self._alerts.hits(*listener.key, now - timedelta(seconds=longest))
        verdict = triage(reading.matches, [hit for hit in hits if hit.alert_id != own], now)
        before = await self._alerts.get(own) if foretold else None
        events: list[AlertChange] = []
        if verdict.fresh:
            events.append(AlertRaised(raise_alert(heard, reading.text, verdict.fresh, now)))
        elif before is not None:
            events.append(AlertRetracted(before))
        for repeated in verdict.repeated:
            if (earlier := await self._alerts.get(repeated)) is not None:
                events.append(AlertUpdated(replace(earlier, repeats=earlier.repeats + 1)))
        applied = (*reading.matches, *reading.shadow)
        if await self._alerts.commit(heard, events, applied):
            self._unmatched_languages.count_utterance(listener.room, transcript)
            self._measure(transcript, events)
            if before is not None:
                outcome = "confirmed" if verdict.fresh else "retracted"
                self._metrics.provisional.labels(outcome).inc()

    def _measure(self, transcript: Transcript, events: Sequence[AlertChange]) -> None:
        waited = self._clock() - transcript.ended_at
        self._metrics.speech_to_verdict.observe(waited.total_seconds())
        for mark in MARKS.intersection(transcript.marks):
            self._metrics.transcript_marks.labels(mark).inc()
        for event in events:
            if isinstance(event, AlertRaised):
                alert = event.alert
                self._metrics.alerts.labels(alert.severity, alert.category).inc()


def _room_of(item: _Item) -> str:
    return item.transcript.room_id if isinstance(item, _Interim) else item.utterance.room_id


def _gap_of(utterance: Utterance, transcript: Transcript, reason: str) -> AudioGap:
    """The gap in place of an utterance whose sound was let go."""
    return AudioGap(
        utterance.room_id,
        utterance.speaker_id,
        utterance.started_at,
        transcript.ended_at,
        reason,
    )
