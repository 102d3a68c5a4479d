"""Alerts about speech that goes on: raised while it is said, confirmed or retracted at its end."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import structlog

from asr.speech import Transcript, Utterance, WorkClass
from asr.work_queue import WorkQueue
from service.alerts.decisions import stands
from service.alerts.ports import AlertStore
from service.alerts.triage import alert_id, raise_alert, triage
from service.clock import Clock
from service.errors import StoreAway
from service.listening.heard import TranscriptHeard
from service.metrics import Metrics
from service.rooms.listener import Key, Listener
from service.verdict.heat import Heat
from service.verdict.interim_results import Glimpses
from service.verdict.reading import Reader

log = structlog.get_logger()

_MOST_LOOKS = 4
"""Of one speaker that may be on their way; the oldest is forgotten."""
UNENDED = "the end of the speech was not heard"


class Provisional:
    """Looks go to the recogniser, and what they find to people. `look` is `Ears`' `on_interim`.

    A look is worth nothing once a newer one or the speech's end is there: none is waited for, and
    one that fails is no gap.

    Args:
        look_again: Something grave wants to be seen once more.
    """

    def __init__(
        self,
        *,
        queue: WorkQueue,
        reader: Reader,
        alerts: AlertStore,
        heat: Heat,
        look_again: Callable[[Listener], None],
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._queue = queue
        self._reader = reader
        self._alerts = alerts
        self._heat = heat
        self._look_again = look_again
        self._metrics = metrics
        self._clock = clock
        self._glimpses = Glimpses()
        self._looks: dict[Key, deque[tuple[Listener, Utterance]]] = {}
        """On their way to the recogniser and back, the newest last."""
        self._asked: set[Key] = set()
        self._unended: dict[str, set[str]] = {}
        """By room: utterances with an alert whose end was never judged."""

    def look(self, listener: Listener, utterance: Utterance) -> None:
        """An ear looked at speech that goes on: to the recogniser with it."""
        unended = self._glimpses.begin(utterance)
        if unended is not None:
            self._unended.setdefault(utterance.room_id, set()).add(unended)
        if listener.key in self._asked:
            work = WorkClass.HOT_FINAL
        elif self._heat.speaker(*listener.key, self._clock()):
            work = WorkClass.HOT_PARTIAL
        else:
            work = WorkClass.PARTIAL
        self._asked.discard(listener.key)
        utterance = replace(utterance, languages=listener.room.languages, work=work)
        looks = self._looks.setdefault(listener.key, deque(maxlen=_MOST_LOOKS))
        looks.append((listener, utterance))
        self._queue.put(utterance)

    async def seen(self, transcript: Transcript) -> None:
        """A look was written down."""
        look = self._taken(transcript)
        if look is None:
            return
        listener, utterance = look
        packs = frozenset(listener.room.policies) or None
        reading = self._reader.glimpse(utterance, transcript, packs, listener.speaker.role)
        seen = self._glimpses.see(utterance, transcript, reading)
        if seen.again:
            self._asked.add(listener.key)
            self._look_again(listener)
        if not seen.certain:
            return
        now = self._clock()
        longest = max(match.cooldown_s for match in seen.certain)
        own = alert_id(utterance.id)
        hits = await self._alerts.hits(*listener.key, now - timedelta(seconds=longest))
        history = [hit for hit in hits if hit.alert_id != own]
        fresh = triage(seen.certain, history, now).fresh
        if not fresh:
            return
        heard = TranscriptHeard.from_transcript(transcript, listener.speaker.name)
        alert = raise_alert(heard, reading.text, fresh, now)
        try:
            if await self._alerts.foretell(alert):
                self._metrics.provisional.labels("raised").inc()
        except StoreAway:  # its end is tried for longer
            self._metrics.failures.labels("provisional").inc()
            log.warning("provisional.store_away", utterance=utterance.id)

    def ended(self, utterance: Utterance) -> bool:
        """The speech is over, and its whole is judged now. Whether an alert was raised before."""
        key = (utterance.room_id, utterance.speaker_id)
        looks = self._looks.get(key)
        if looks is not None and (not looks or looks[-1][1].id == utterance.id):
            del self._looks[key]
            self._asked.discard(key)
        return self._glimpses.end(utterance)

    def _taken(self, transcript: Transcript) -> tuple[Listener, Utterance] | None:
        """The look that this was made of; None where its speech has ended or a newer one is back.

        Those before it are not waited for any more.
        """
        looks = self._looks.get((transcript.room_id, transcript.speaker_id), deque())
        wanted = (transcript.utterance_id, transcript.revision)
        if all((utterance.id, utterance.revision) != wanted for _, utterance in looks):
            return None
        while True:
            listener, utterance = looks.popleft()
            if (utterance.id, utterance.revision) == wanted:
                return listener, utterance

    def lost(self, utterance: Utterance) -> None:
        """Note that the speech is over and its whole will never be judged: see `stand`."""
        if self.ended(utterance):
            self._unended.setdefault(utterance.room_id, set()).add(utterance.id)

    async def stand(self, room_id: str) -> None:
        """Let alerts of the room stand whose speech was never judged as a whole.

        What the store does not take is tried again at the next call.
        """
        unended = self._unended.get(room_id, set())
        for utterance_id in list(unended):
            try:
                await self._alerts.decide(alert_id(utterance_id), stands(self._clock(), UNENDED))
            except StoreAway:
                self._metrics.failures.labels("provisional").inc()
                return
            unended.discard(utterance_id)
            self._metrics.provisional.labels("unended").inc()
        if not unended:
            self._unended.pop(room_id, None)

    async def resume(self) -> None:
        """What an earlier run raised and never saw the end of stands."""
        for unended in await self._alerts.provisional():
            await self._alerts.decide(unended, stands(self._clock(), UNENDED))
