"""A room's sound to people who can act, on one screen.

    packet -> Ear -> utterance -> WorkQueue -> transcript -> Matcher -> triage -> one commit

`rooms.ears` turns packets into utterances; here they become words, verdicts and alerts. Feed and
webhooks read what is committed from the event log: nothing here speaks to them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

from asr.speech import EndedBy, Transcript, Unheard, Utterance
from asr.stitch import Join, joins
from asr.work_queue import WorkQueue
from policies.match import Match
from policies.matcher import Matcher
from policies.spoken import Context, Spoken
from service.alerts.alert import AlertRaised, AlertUpdated
from service.alerts.ports import AlertStore
from service.alerts.triage import raise_alert, triage
from service.clock import Clock
from service.listening.heard import TranscriptHeard
from service.metrics import Metrics
from service.rooms.ears import Ears, Key, Listener

log = structlog.get_logger()

_Rule = tuple[str, str]
"""Pack and rule id."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was made of a transcript.

    Attributes:
        text: What the matches' spans point into: the transcript's text, or that with the words
            before it in which a phrase over a cut began.
        new_from: Where in `text` the transcript's own words begin.
    """

    text: str
    matches: Sequence[Match]
    new_from: int = 0


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of unbroken speech that the next part goes on from."""

    utterance: Utterance
    transcript: Transcript
    reading: Reading


class Pipeline:
    """From utterance to commit. Wire `heard` as `Ears`' `on_utterance`, then `run`."""

    def __init__(
        self,
        *,
        queue: WorkQueue,
        matcher: Callable[[], Matcher],
        alerts: AlertStore,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._queue = queue
        self._matcher = matcher
        self._alerts = alerts
        self._metrics = metrics
        self._clock = clock
        self._waiting: dict[str, tuple[Listener, Utterance]] = {}
        self._before: dict[Key, _Part] = {}
        metrics.waiting.set_function(queue.waiting)

    def heard(self, listener: Listener, utterance: Utterance) -> None:
        """An ear cut an utterance: to the recogniser with it."""
        self._waiting[utterance.id] = (listener, utterance)
        self._queue.put(utterance)

    async def run(self, ears: Ears) -> None:
        """Follow the recogniser's results until its queue is closed and empty."""
        async for result in self._queue.results():
            match result:
                case Transcript():
                    listener, utterance = self._waiting.pop(result.utterance_id)
                    try:
                        await self._judge(listener, utterance, result)
                        await ears.settle(listener, utterance.id)
                    except Exception:
                        self._metrics.failures.labels("verdict").inc()
                        log.exception("pipeline.verdict_failed", utterance=utterance.id)
                        await ears.lose(listener, utterance, "it could not be put on record")
                case Unheard(utterance, reason):
                    listener, _ = self._waiting.pop(utterance.id)
                    self._before.pop(listener.key, None)
                    await ears.lose(listener, utterance, reason)

    async def _judge(
        self, listener: Listener, utterance: Utterance, transcript: Transcript
    ) -> None:
        reading = self._read(listener, utterance, transcript)
        heard = _on_record(listener, transcript)
        now = self._clock()
        longest = max((match.cooldown_s for match in reading.matches), default=0.0)
        history = await self._alerts.hits(*listener.key, now - timedelta(seconds=longest))
        verdict = triage(reading.matches, history, now)
        events: list[AlertRaised | AlertUpdated] = []
        if verdict.fresh:
            events.append(AlertRaised(raise_alert(heard, reading.text, verdict.fresh, now)))
        for alert_id in verdict.repeated:
            if (earlier := await self._alerts.get(alert_id)) is not None:
                events.append(AlertUpdated(replace(earlier, repeats=earlier.repeats + 1)))
        if await self._alerts.commit(heard, events):
            self._measure(utterance, events)

    def _read(self, listener: Listener, utterance: Utterance, transcript: Transcript) -> Reading:
        """Match the words; across the cut, too, where the utterance goes on from another."""
        context = Context(*listener.key, frozenset(listener.room.policies) or None)
        matcher = self._matcher()
        before = self._before.pop(listener.key, None)
        if before is not None and before.utterance.part + 1 == utterance.part:
            reading = _over_the_cut(matcher, context, before, utterance, transcript)
        else:
            spoken = Spoken(transcript.text, transcript.language)
            reading = Reading(transcript.text, matcher.match(spoken, context))
        if utterance.ended_by is EndedBy.LENGTH:
            self._before[listener.key] = _Part(utterance, transcript, reading)
        return reading

    def _measure(self, utterance: Utterance, events: Sequence[AlertRaised | AlertUpdated]) -> None:
        waited = self._clock() - utterance.ended_at
        self._metrics.speech_to_verdict.observe(waited.total_seconds())
        for event in events:
            if isinstance(event, AlertRaised):
                alert = event.alert
                self._metrics.alerts.labels(alert.severity, alert.category).inc()


def _over_the_cut(
    matcher: Matcher, context: Context, before: _Part, utterance: Utterance, transcript: Transcript
) -> Reading:
    """The plausible reading over the cut in which most rules match, each rule told once."""
    told = _told_at_the_end(before, utterance.overlap_ms)

    def read(join: Join) -> Reading:
        matches = [
            match
            for match in matcher.match(
                Spoken(join.text, transcript.language, join.new_from), context
            )
            if (match.pack, match.rule_id) not in told
            or any(end > join.repeated_until for _, end in match.spans)
        ]
        return Reading(join.text, matches, join.new_from)

    readings = [read(join) for join in joins(before.transcript, transcript, utterance.overlap_ms)]
    return _without_what_was_carried(max(readings, key=lambda reading: len(reading.matches)))


def _told_at_the_end(before: _Part, overlap_ms: int) -> frozenset[_Rule]:
    """Rules already matched in the last words of the part before, which the next part repeats."""
    words, text = before.transcript.words, before.reading.text
    repeated_from = before.utterance.duration_ms - overlap_ms
    repeated = [word.text for word in words if word.end_ms > repeated_from] or text.split()[-3:]
    tail = len(text) - sum(len(word) + 1 for word in repeated)
    return frozenset(
        (match.pack, match.rule_id)
        for match in before.reading.matches
        if any(end > tail for _, end in match.spans)
    )


def _without_what_was_carried(reading: Reading) -> Reading:
    """Drop the words of the part before, unless a match begins in them."""
    if reading.new_from == 0 or any(
        start < reading.new_from for match in reading.matches for start, _ in match.spans
    ):
        return reading
    shift = reading.new_from
    return Reading(
        reading.text[shift:],
        [
            replace(match, spans=tuple((a - shift, b - shift) for a, b in match.spans))
            for match in reading.matches
        ],
    )


def _on_record(listener: Listener, transcript: Transcript) -> TranscriptHeard:
    return TranscriptHeard(
        utterance_id=transcript.utterance_id,
        room_id=transcript.room_id,
        speaker_id=transcript.speaker_id,
        speaker_name=listener.speaker.name,
        started_at=transcript.started_at,
        ended_at=transcript.ended_at,
        language=transcript.language,
        text=transcript.text,
        marks=transcript.marks,
        model=transcript.model,
        provisional=transcript.provisional,
    )
