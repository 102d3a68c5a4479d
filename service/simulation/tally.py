"""Tally of a simulation: what a server reported, compared with the script."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from service.simulation.encoding import Moment, SentLine
from service.simulation.results import LineResult, ReceivedAlert, ReceivedTranscript, Report
from service.simulation.voice import FRAME, SAMPLE_RATE
from service.simulation.word_errors import word_errors, words

TOLERANCE_S = 1.5
"""Most seconds that an utterance may lie before or after the time its line was sent."""


@dataclass(slots=True)
class _LineTally:
    """Transcripts and alerts of one line so far.

    Attributes:
        texts: Time and text of each final transcript, by utterance id.
    """

    sent: SentLine
    texts: dict[str, tuple[datetime, str]] = field(default_factory=dict)
    alerts: list[ReceivedAlert] = field(default_factory=list)

    @property
    def heard(self) -> str:
        return " ".join(text for _, text in sorted(self.texts.values()) if text)

    @property
    def latency_s(self) -> float | None:
        return self.alerts[0].after_words_s if self.alerts else None


class Tally:
    """Counts the feed's events of one room as they come.

    Args:
        lines: All lines of all speakers. Their sending times are set as the script goes on.
        started: Moment at which the script started.
    """

    def __init__(self, lines: Sequence[SentLine], *, started: Moment) -> None:
        self._lines = [_LineTally(line) for line in lines]
        self._started = started
        self._unassigned: dict[str, str] = {}
        self._false: list[ReceivedAlert] = []
        self._repeats: dict[str, int] = {}
        """Repeats by alert id."""
        self._repeated = 0

    def add_transcript(
        self, data: Mapping[str, Any], *, read_s: float
    ) -> ReceivedTranscript | None:
        """Add a `transcript.heard`, which replaces an earlier one of the same utterance.

        Returns:
            The transcript; None: it is provisional and does not count.
        """
        if data.get("provisional"):
            return None
        utterance_id, text = str(data.get("utterance_id", "")), str(data.get("text", ""))
        start, end = _time(data.get("started_at")), _time(data.get("ended_at"))
        line = self._nearest_line(str(data.get("speaker_id", "")), start, end)
        if line is not None:
            line.texts[utterance_id] = (start, text)
        elif text:
            self._unassigned[utterance_id] = text
        speaker = str(data.get("speaker_name") or data.get("speaker_id", ""))
        return ReceivedTranscript(read_s - self._started.monotonic_s, speaker, text)

    def add_alert(self, data: Mapping[str, Any], *, read_s: float) -> ReceivedAlert | None:
        """Add an `alert.raised`.

        Returns:
            The alert; None: it came already, as after a resume, or it is provisional. A provisional
            alert counts once `update_alert` confirms it.
        """
        alert_id = str(data.get("id", ""))
        if alert_id in self._repeats or data.get("provisional"):
            return None
        self._repeats[alert_id] = 0
        self._count_repeats(alert_id, data)
        rules = tuple(str(match.get("rule_id", "")) for match in data.get("matches", ()))
        start, end = _time(data.get("speech_started_at")), _time(data.get("speech_ended_at"))
        line = self._nearest_line(str(data.get("speaker_id", "")), start, end)
        ended = line.sent.ended if line is not None else None
        received = ReceivedAlert(
            id=alert_id,
            at_s=read_s - self._started.monotonic_s,
            severity=str(data.get("severity", "")),
            speaker=str(data.get("speaker_name") or data.get("speaker_id", "")),
            excerpt=str(data.get("excerpt", "")),
            rules=rules,
            after_words_s=read_s - ended.monotonic_s if ended is not None else None,
            expected=line is not None and not line.alerts and _is_expected(line.sent, rules),
        )
        if line is None or not _is_expected(line.sent, rules):
            self._false.append(received)
        elif line.alerts:
            self._repeated += 1
            line.alerts.append(received)
        else:
            line.alerts.append(received)
        return received

    def update_alert(self, data: Mapping[str, Any], *, read_s: float) -> ReceivedAlert | None:
        """Add an `alert.updated`; return the alert if this confirms a provisional one."""
        if str(data.get("id", "")) not in self._repeats:
            return self.add_alert(data, read_s=read_s)
        self._count_repeats(str(data.get("id", "")), data)
        return None

    def retract_alert(self, data: Mapping[str, Any]) -> None:
        """Add an `alert.retracted`: its alert does not count any more."""
        alert_id = str(data.get("id", ""))
        self._false = [alert for alert in self._false if alert.id != alert_id]
        for line in self._lines:
            line.alerts = [alert for alert in line.alerts if alert.id != alert_id]

    @property
    def complete(self) -> bool:
        """True once every line has its words, and its alert where it must have one."""
        return all(
            line.texts and (line.alerts or not line.sent.line.alerts) for line in self._lines
        )

    def make_report(self) -> Report:
        script = [words(each.sent.line.text) for each in self._lines]
        errors = sum(
            word_errors(spoken, words(each.heard))
            for spoken, each in zip(script, self._lines, strict=True)
        )
        inserted = sum(len(words(text)) for text in self._unassigned.values())
        expected = [each for each in self._lines if each.sent.line.alerts]
        latencies = (each.latency_s for each in expected)
        return Report(
            started_at=self._started.at,
            utterances=len(self._lines),
            unsent=sum(each.sent.ended is None for each in self._lines),
            words=sum(map(len, script)),
            word_errors=errors + inserted,
            unassigned=len(self._unassigned),
            expected=len(expected),
            raised=sum(len(each.alerts) for each in self._lines) + len(self._false),
            missed=sum(not each.alerts for each in expected),
            false=len(self._false),
            repeated=self._repeated,
            latencies_s=tuple(latency for latency in latencies if latency is not None),
            lines=tuple(map(_result, self._lines)),
            false_alerts=tuple(self._false),
        )

    def _count_repeats(self, alert_id: str, data: Mapping[str, Any]) -> None:
        repeats = int(data.get("repeats") or 0)
        self._repeated += max(0, repeats - self._repeats.get(alert_id, repeats))
        self._repeats[alert_id] = max(repeats, self._repeats.get(alert_id, 0))

    def _nearest_line(self, speaker_id: str, start: datetime, end: datetime) -> _LineTally | None:
        """Return the speaker's line nearest to these times, if any is near enough."""
        near = [
            (gap, line)
            for line in self._lines
            if line.sent.speaker.id == speaker_id
            and (gap := _gap_s(line.sent, start, end)) <= TOLERANCE_S
        ]
        return min(near, key=lambda pair: pair[0])[1] if near else None


def _gap_s(sent: SentLine, start: datetime, end: datetime) -> float:
    """Return the seconds between a line and a stretch of time; negative where they overlap."""
    if sent.started is None:
        return math.inf
    until = sent.ended.at if sent.ended is not None else max(end, sent.started.at)
    return (max(start, sent.started.at) - min(end, until)).total_seconds()


def _is_expected(sent: SentLine, rules: Sequence[str]) -> bool:
    return sent.line.alerts and (not sent.line.rule or sent.line.rule in rules)


def _result(tally: _LineTally) -> LineResult:
    sent, line = tally.sent, tally.sent.line
    return LineResult(
        speaker_id=sent.speaker.id,
        at_s=line.at_s,
        from_s=sent.first / SAMPLE_RATE,
        to_s=(sent.last + FRAME) / SAMPLE_RATE,
        text=line.text,
        alerts=line.alerts,
        rule=line.rule,
        sent=sent.ended is not None,
        stalled_s=round(sent.stalled_s, 3),
        heard=tally.heard,
        alert_ids=tuple(alert.id for alert in tally.alerts),
        after_words_s=tally.latency_s,
    )


def _time(text: object) -> datetime:
    """Parse an event's time; without a valid one return 1970, which is near no line."""
    try:
        time = datetime.fromisoformat(str(text))
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)
