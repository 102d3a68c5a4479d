"""A room's sound to people who can act, on one screen.

    packet -> Ear -> utterance -> WorkQueue -> transcript -> Matcher -> triage -> one commit

`rooms.ears` turns packets into utterances; here they become words, verdicts and alerts. Feed and
webhooks read what is committed from the event log: nothing here speaks to them. Looks at speech
that goes on take the same way, through `Provisional`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from asr.quality import MARKS
from asr.speech import Transcript, Unheard, Utterance, WorkClass
from asr.work_queue import WorkQueue
from service.alerts.alert import AlertRaised, AlertRetracted, AlertUpdated
from service.alerts.ports import AlertChange, AlertStore
from service.alerts.rule_hit import hits_of
from service.alerts.triage import alert_id, raise_alert, triage
from service.clock import Clock
from service.errors import StoreAway
from service.heat import Heat
from service.listening.heard import TranscriptHeard
from service.listening.overload import Lag
from service.metrics import Metrics
from service.provisional import Provisional
from service.reading import Reader, Reading
from service.rooms.ears import Ears
from service.rooms.listener import Listener

log = structlog.get_logger()

RETRY_AFTER_S = (0.2, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 5.0)
"""A store that is busy, or away while it is restarted, costs no words."""
MOST_BEHIND = 1_000
"""Utterances that may wait for their verdict; while there are more, each is tried once."""


class Pipeline:
    """From utterance to commit. Wire `heard` as `Ears`' `on_utterance`, then `run`."""

    def __init__(
        self,
        *,
        queue: WorkQueue,
        reader: Reader,
        provisional: Provisional,
        heat: Heat,
        alerts: AlertStore,
        metrics: Metrics,
        clock: Clock,
        retry_after_s: Sequence[float] = RETRY_AFTER_S,
        most_behind: int = MOST_BEHIND,
    ) -> None:
        self._queue = queue
        self._reader = reader
        self._provisional = provisional
        self._heat = heat
        self._alerts = alerts
        self._metrics = metrics
        self._clock = clock
        self._retry_after_s = retry_after_s
        self._most_behind = most_behind
        self._hurried = asyncio.Event()
        # Until settled or lost, without a pause between the two: an utterance heard again either
        # finds itself here or begins anew.
        self._waiting: dict[str, tuple[Listener, Utterance]] = {}
        metrics.waiting.set_function(queue.waiting)
        metrics.overload_rung.set_function(lambda: queue.rung)

    def heard(self, listener: Listener, utterance: Utterance) -> None:
        """An ear cut an utterance: to the recogniser with it."""
        if utterance.id in self._waiting:  # heard twice: the first settles both
            return
        now = self._clock()
        hot = self._heat.room(utterance.room_id, now)
        work = WorkClass.HOT_FINAL if hot else WorkClass.FINAL
        utterance = replace(utterance, languages=listener.room.languages, work=work)
        self._waiting[utterance.id] = (listener, utterance)
        self._queue.put(utterance)

    def lag(self, now: datetime) -> Lag:
        """How far verdicts are behind the words."""
        ended = (utterance.ended_at for _, utterance in self._waiting.values())
        oldest = min(ended, default=now)
        behind_s = max(0.0, (now - oldest).total_seconds())
        return Lag(behind_s, len(self._waiting), self._queue.rung)

    def hurry(self) -> None:
        """The server is stopping: a store that is away is not waited for any more."""
        self._hurried.set()

    async def run(self, ears: Ears) -> None:
        """Follow the recogniser's results until its queue is closed and empty."""
        async for result in self._queue.results():
            match result:
                case Transcript(revision=revision) if revision:
                    await self._look(result)
                case Unheard(Utterance(revision=revision)) if revision:
                    pass  # a newer look or the speech's end says more
                case Transcript():
                    listener, utterance = self._waiting[result.utterance_id]
                    try:
                        await self._judge(listener, utterance, result)
                    except Exception:
                        self._metrics.failures.labels("verdict").inc()
                        log.exception("pipeline.verdict_failed", utterance=utterance.id)
                        del self._waiting[utterance.id]
                        await ears.lose(listener, utterance, "it could not be put on record")
                    else:
                        del self._waiting[utterance.id]
                        await ears.settle(listener, utterance.id)
                case Unheard(utterance, reason):
                    listener, _ = self._waiting.pop(utterance.id)
                    self._reader.forget(utterance)
                    await ears.lose(listener, utterance, reason)
                    await self._lost(utterance)

    async def _look(self, transcript: Transcript) -> None:
        try:
            await self._provisional.seen(transcript)
        except Exception:
            self._metrics.failures.labels("provisional").inc()
            log.exception("pipeline.look_failed", utterance=transcript.utterance_id)

    async def _lost(self, utterance: Utterance) -> None:
        try:
            await self._provisional.lost(utterance)
        except Exception:
            self._metrics.failures.labels("provisional").inc()
            log.exception("pipeline.lost_failed", utterance=utterance.id)

    async def _judge(
        self, listener: Listener, utterance: Utterance, transcript: Transcript
    ) -> None:
        packs = frozenset(listener.room.policies) or None
        reading = self._reader.read(utterance, transcript, packs, listener.speaker.role)
        foretold = self._provisional.ended(utterance)
        if reading.matches:
            self._heat.hit(*listener.key, self._clock())
        for wait_s in self._retry_after_s:
            if self._hurried.is_set() or len(self._waiting) > self._most_behind:
                break
            try:
                return await self._record(listener, transcript, reading, foretold=foretold)
            except StoreAway:
                log.warning("pipeline.store_away", utterance=utterance.id, wait_s=wait_s)
            except Exception:
                log.exception("pipeline.record_failed", utterance=utterance.id, wait_s=wait_s)
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
        applied = hits_of((*reading.matches, *reading.shadow))
        if await self._alerts.commit(heard, events, applied):
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
