"""Verdict on one utterance: match its transcript, triage, and commit both in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import structlog

from asr.quality import MARKS
from asr.speech import Transcript, Utterance
from service.alerts.alert import AlertRaised, AlertRetracted, AlertUpdated
from service.alerts.ports import AlertChange, AlertStore
from service.alerts.triage import alert_id, longest_cooldown, raise_alert, triage
from service.clock import Clock
from service.errors import StoreAway
from service.listening.events import TranscriptHeard
from service.metrics import Metrics
from service.rooms.listener import Listener
from service.verdict.provisional_alerts import ProvisionalAlerts
from service.verdict.recent_matches import Heat
from service.verdict.transcript_matches import TranscriptMatcher, TranscriptMatches
from service.verdict.unmatched_languages import UnmatchedLanguages

log = structlog.get_logger()

RETRY_AFTER_S = (0.2, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 5.0)
"""Waits between attempts at a store that is away: a restarted database costs no words."""


class Judge:
    """Judge utterances, each speaker's in the order in which they were spoken.

    Args:
        retry_after_s: Waits between attempts at a store that is away. No other error is retried.
    """

    def __init__(
        self,
        *,
        transcripts: TranscriptMatcher,
        provisional: ProvisionalAlerts,
        heat: Heat,
        alerts: AlertStore,
        unmatched_languages: UnmatchedLanguages,
        metrics: Metrics,
        clock: Clock,
        retry_after_s: Sequence[float] = RETRY_AFTER_S,
    ) -> None:
        self._transcripts = transcripts
        self._provisional = provisional
        self._heat = heat
        self._alerts = alerts
        self._unmatched_languages = unmatched_languages
        self._metrics = metrics
        self._clock = clock
        self._retry_after_s = retry_after_s
        self._hurried = asyncio.Event()

    def hurry(self) -> None:
        """Stop waiting for a store that is away: the server is stopping."""
        self._hurried.set()

    async def judge_utterance(
        self, listener: Listener, utterance: Utterance, transcript: Transcript
    ) -> None:
        """Match the final transcript, and commit it with its alerts.

        Raises:
            StoreAway: The store stayed away for all attempts.
        """
        packs = frozenset(listener.room.policies) or None
        matches = self._transcripts.match_final(utterance, transcript, packs, listener.speaker.role)
        was_provisional = self._provisional.end_utterance(utterance)
        if matches.live:
            self._heat.record_hit(*listener.key, self._clock())
        for wait_s in self._retry_after_s:
            if self._hurried.is_set():
                break
            try:
                return await self._commit(
                    listener, transcript, matches, was_provisional=was_provisional
                )
            except StoreAway:
                log.warning("pipeline.store_away", utterance=utterance.id, wait_s=wait_s)
                self._metrics.failures.labels("record").inc()
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._hurried.wait()
        await self._commit(listener, transcript, matches, was_provisional=was_provisional)

    def lose_utterance(self, utterance: Utterance) -> None:
        """Forget an utterance that gets no verdict."""
        self._transcripts.forget_utterance(utterance)
        self._provisional.lose_utterance(utterance)

    async def _commit(
        self,
        listener: Listener,
        transcript: Transcript,
        matches: TranscriptMatches,
        *,
        was_provisional: bool,
    ) -> None:
        """Commit the transcript and its alerts; a second attempt changes nothing.

        `was_provisional`: a provisional alert may exist, to be confirmed or retracted.
        """
        heard = TranscriptHeard.from_transcript(transcript, listener.speaker.name)
        now = self._clock()
        own = alert_id(heard.utterance_id)
        hits = await self._alerts.hits(*listener.key, now - longest_cooldown(matches.live))
        verdict = triage(matches.live, [hit for hit in hits if hit.alert_id != own], now)
        provisional = await self._alerts.get(own) if was_provisional else None
        events: list[AlertChange] = []
        if verdict.fresh:
            events.append(AlertRaised(raise_alert(heard, matches.text, verdict.fresh, now)))
        elif provisional is not None:
            events.append(AlertRetracted(provisional))
        for repeated in verdict.repeated:
            if (earlier := await self._alerts.get(repeated)) is not None:
                events.append(AlertUpdated(replace(earlier, repeats=earlier.repeats + 1)))
        if await self._alerts.commit(heard, events, (*matches.live, *matches.shadow)):
            self._unmatched_languages.count_utterance(listener.room, transcript)
            self._measure(transcript, events)
            if provisional is not None:
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
