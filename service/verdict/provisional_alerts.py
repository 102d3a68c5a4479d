"""Provisional alerts: raised from interim transcripts, confirmed or retracted by the final one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace

import structlog

from asr.speech import Transcript, Utterance, WorkClass
from asr.work_queue import WorkQueue
from service.alerts.decisions import let_stand
from service.alerts.ports import AlertStore
from service.alerts.triage import alert_id, longest_cooldown, raise_alert, triage
from service.clock import Clock
from service.errors import StoreAway
from service.listening.events import TranscriptHeard
from service.metrics import Metrics
from service.rooms.listener import Key, Listener
from service.verdict.interim_results import InterimResults
from service.verdict.recent_matches import Heat
from service.verdict.transcript_matches import TranscriptMatcher

log = structlog.get_logger()

_MOST_QUEUED = 4
"""Interim transcripts of one speaker that may be on their way; the oldest is forgotten."""
UNENDED = "the end of the speech was not heard"


class ProvisionalAlerts:
    """From interim transcripts to provisional alerts.

    An interim transcript is worth nothing once a newer one or the final one is there: none is
    waited for, and one that fails leaves no gap. Wire `queue_interim` as `Ears`' `on_interim`.

    Args:
        confirm_soon: Asks for another interim transcript of a speaker at once.
    """

    def __init__(
        self,
        *,
        queue: WorkQueue,
        transcripts: TranscriptMatcher,
        alerts: AlertStore,
        heat: Heat,
        confirm_soon: Callable[[Listener], None],
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._queue = queue
        self._transcripts = transcripts
        self._alerts = alerts
        self._heat = heat
        self._confirm_soon = confirm_soon
        self._metrics = metrics
        self._clock = clock
        self._interim = InterimResults()
        self._queued: dict[Key, deque[tuple[Listener, Utterance]]] = {}
        """Utterances on their way to the recogniser and back, the newest last."""
        self._confirming: set[Key] = set()
        self._unended: dict[str, set[str]] = {}
        """Utterances with a provisional alert that got no final verdict, by room."""

    def queue_interim(self, listener: Listener, utterance: Utterance) -> None:
        """Have an utterance that has not ended transcribed."""
        unended = self._interim.open_utterance(utterance)
        if unended is not None:
            self._unended.setdefault(utterance.room_id, set()).add(unended)
        if listener.key in self._confirming:
            work = WorkClass.HOT_FINAL
        elif self._heat.is_speaker_hot(*listener.key, self._clock()):
            work = WorkClass.HOT_PARTIAL
        else:
            work = WorkClass.PARTIAL
        self._confirming.discard(listener.key)
        utterance = replace(utterance, languages=listener.room.languages, work=work)
        queued = self._queued.setdefault(listener.key, deque(maxlen=_MOST_QUEUED))
        queued.append((listener, utterance))
        self._queue.put(utterance)

    async def judge_interim(self, transcript: Transcript) -> None:
        """Raise or extend a provisional alert if the interim transcript has certain matches."""
        queued = self._pop_queued(transcript)
        if queued is None:
            return
        listener, utterance = queued
        packs = frozenset(listener.room.policies) or None
        matches = self._transcripts.match_interim(
            utterance, transcript, packs, listener.speaker.role
        )
        result = self._interim.compare_transcript(utterance, transcript, matches)
        if result.confirm:
            self._confirming.add(listener.key)
            self._confirm_soon(listener)
        if not result.certain:
            return
        now = self._clock()
        own = alert_id(utterance.id)
        hits = await self._alerts.hits(*listener.key, now - longest_cooldown(result.certain))
        history = [hit for hit in hits if hit.alert_id != own]
        fresh = triage(result.certain, history, now).fresh
        if not fresh:
            return
        heard = TranscriptHeard.from_transcript(transcript, listener.speaker.name)
        alert = raise_alert(heard, matches.text, fresh, now)
        try:
            if await self._alerts.raise_provisional(alert):
                self._metrics.provisional.labels("raised").inc()
        except StoreAway:  # the final transcript is retried for longer
            self._metrics.failures.labels("provisional").inc()
            log.warning("provisional.store_away", utterance=utterance.id)

    def end_utterance(self, utterance: Utterance) -> bool:
        """Stop waiting for interim transcripts: the final one is judged now.

        Returns:
            Whether the utterance had certain matches, so that a provisional alert may exist.
        """
        key = (utterance.room_id, utterance.speaker_id)
        queued = self._queued.get(key)
        if queued is not None and (not queued or queued[-1][1].id == utterance.id):
            del self._queued[key]
            self._confirming.discard(key)
        return self._interim.close_utterance(utterance)

    def lose_utterance(self, utterance: Utterance) -> None:
        """End an utterance that gets no final verdict; its alert stands: see `settle_unended`."""
        if self.end_utterance(utterance):
            self._unended.setdefault(utterance.room_id, set()).add(utterance.id)

    async def settle_unended(self, room_id: str) -> None:
        """Let alerts of the room stand whose utterances got no final verdict.

        A failure of the store is retried at the next call.
        """
        unended = self._unended.get(room_id, set())
        for utterance_id in list(unended):
            try:
                decision = let_stand(self._clock(), UNENDED)
                await self._alerts.decide(alert_id(utterance_id), decision)
            except StoreAway:
                self._metrics.failures.labels("provisional").inc()
                return
            unended.discard(utterance_id)
            self._metrics.provisional.labels("unended").inc()
        if not unended:
            self._unended.pop(room_id, None)

    async def resume(self) -> None:
        """Let provisional alerts of an earlier run stand."""
        for unended in await self._alerts.provisional_ids():
            await self._alerts.decide(unended, let_stand(self._clock(), UNENDED))

    def _pop_queued(self, transcript: Transcript) -> tuple[Listener, Utterance] | None:
        """Remove and return the utterance of this transcript, and forget older ones.

        None if the final transcript or a newer interim one came first.
        """
        queued = self._queued.get((transcript.room_id, transcript.speaker_id), deque())
        wanted = (transcript.utterance_id, transcript.revision)
        if all((utterance.id, utterance.revision) != wanted for _, utterance in queued):
            return None
        while True:
            listener, utterance = queued.popleft()
            if (utterance.id, utterance.revision) == wanted:
                return listener, utterance
