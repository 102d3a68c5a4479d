"""Compares what a server reported with what the script said."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from service.simulation.rehearsal import Moment, Spoken
from service.simulation.voice import FRAME, SAMPLE_RATE
from service.simulation.word_errors import word_errors, words

TOLERANCE_S = 1.5
"""How far an utterance's times may lie outside those at which its line was sent."""


@dataclass(frozen=True, slots=True)
class TalkHeard:
    """What a speaker was understood to say; `at_s` since the start of the script."""

    at_s: float
    speaker: str
    text: str


@dataclass(frozen=True, slots=True)
class AlertSeen:
    """An alert as it arrived.

    Attributes:
        at_s: Since the start of the script.
        after_words_s: Since the line's last sound was sent; None where that had not been yet, or
            no line was found.
        expected: The script says that this line alerts, by this rule, and it had not yet.
    """

    id: str
    at_s: float
    severity: str
    speaker: str
    excerpt: str
    rules: Sequence[str]
    after_words_s: float | None
    expected: bool


@dataclass(frozen=True, slots=True)
class LineResult:
    """One line of the script and what became of it; times in seconds since the script's start.

    Attributes:
        from_s, to_s: Between which it can be heard, whether or not it was sent.
    """

    speaker_id: str
    at_s: float
    from_s: float
    to_s: float
    text: str
    alerts: bool
    rule: str
    sent: bool
    heard: str
    alert_ids: Sequence[str]
    after_words_s: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """What was said, heard and raised.

    Attributes:
        started_at: When the script started.
        utterances: Lines in the script.
        unsent: Lines of which some sound never left, for want of a connection.
        unassigned: Transcripts with words in them that belong to no line.
        repeated: Alerts for lines that had one already, and hits counted onto earlier alerts.
        latencies_s: Of each expected alert: from the last sound sent to the event's bytes read.
    """

    started_at: datetime
    utterances: int
    unsent: int
    words: int
    word_errors: int
    unassigned: int
    expected: int
    raised: int
    missed: int
    false: int
    repeated: int
    latencies_s: Sequence[float]
    lines: Sequence[LineResult]
    false_alerts: Sequence[AlertSeen]

    @property
    def word_error_rate(self) -> float:
        return self.word_errors / self.words if self.words else 0.0

    @property
    def ok(self) -> bool:
        """Every expected alert once, and no other."""
        return not (self.missed or self.false or self.repeated)

    def latency_s(self, share: float) -> float | None:
        """The latency within which this share of the alerts came (nearest rank); None: of none."""
        ordered = sorted(self.latencies_s)
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


def together(reports: Sequence[Report]) -> Report:
    """Of rooms that were played at once; there is one at least."""

    def total(of: Callable[[Report], int]) -> int:
        return sum(map(of, reports))

    return Report(
        started_at=min(each.started_at for each in reports),
        utterances=total(lambda each: each.utterances),
        unsent=total(lambda each: each.unsent),
        words=total(lambda each: each.words),
        word_errors=total(lambda each: each.word_errors),
        unassigned=total(lambda each: each.unassigned),
        expected=total(lambda each: each.expected),
        raised=total(lambda each: each.raised),
        missed=total(lambda each: each.missed),
        false=total(lambda each: each.false),
        repeated=total(lambda each: each.repeated),
        latencies_s=[latency for each in reports for latency in each.latencies_s],
        lines=[line for each in reports for line in each.lines],
        false_alerts=[alert for each in reports for alert in each.false_alerts],
    )


@dataclass(slots=True)
class _Said:
    """What has been reported about a line so far."""

    spoken: Spoken
    texts: dict[str, tuple[datetime, str]] = field(default_factory=dict)
    alerts: list[AlertSeen] = field(default_factory=list)

    @property
    def heard(self) -> str:
        return " ".join(text for _, text in sorted(self.texts.values()) if text)

    @property
    def latency_s(self) -> float | None:
        return self.alerts[0].after_words_s if self.alerts else None


class Tally:
    """Takes the feed's events of one room as they come.

    Args:
        lines: All lines of all speakers; their sending times fill in as the script goes on.
        started: When the script started.
    """

    def __init__(self, lines: Sequence[Spoken], *, started: Moment) -> None:
        self._said = [_Said(line) for line in lines]
        self._started = started
        self._unassigned: dict[str, str] = {}
        self._false: list[AlertSeen] = []
        self._seen: dict[str, int] = {}  # alert id -> repeats
        self._repeated = 0

    def transcript(self, data: Mapping[str, Any], *, read_s: float) -> TalkHeard | None:
        """Takes `transcript.heard`; a later version of the same utterance replaces the earlier.

        None for provisional ones.
        """
        if data.get("provisional"):
            return None
        utterance_id, text = str(data.get("utterance_id", "")), str(data.get("text", ""))
        start, end = _time(data.get("started_at")), _time(data.get("ended_at"))
        said = self._find(str(data.get("speaker_id", "")), start, end)
        if said is not None:
            said.texts[utterance_id] = (start, text)
        elif text:
            self._unassigned[utterance_id] = text
        speaker = str(data.get("speaker_name") or data.get("speaker_id", ""))
        return TalkHeard(read_s - self._started.monotonic_s, speaker, text)

    def alert(self, data: Mapping[str, Any], *, read_s: float) -> AlertSeen | None:
        """Takes `alert.raised`; None for one that came already, as after a resume.

        One raised in the middle of speech counts when it is confirmed: until then `updated` has it.
        """
        alert_id = str(data.get("id", ""))
        if alert_id in self._seen or data.get("provisional"):
            return None
        self._seen[alert_id] = 0
        self._count_repeats(alert_id, data)
        rules = tuple(str(match.get("rule_id", "")) for match in data.get("matches", ()))
        start, end = _time(data.get("speech_started_at")), _time(data.get("speech_ended_at"))
        said = self._find(str(data.get("speaker_id", "")), start, end)
        ended = said.spoken.ended if said is not None else None
        seen = AlertSeen(
            id=alert_id,
            at_s=read_s - self._started.monotonic_s,
            severity=str(data.get("severity", "")),
            speaker=str(data.get("speaker_name") or data.get("speaker_id", "")),
            excerpt=str(data.get("excerpt", "")),
            rules=rules,
            after_words_s=read_s - ended.monotonic_s if ended is not None else None,
            expected=said is not None and not said.alerts and _right(said.spoken, rules),
        )
        if said is None or not _right(said.spoken, rules):
            self._false.append(seen)
        elif said.alerts:
            self._repeated += 1
            said.alerts.append(seen)
        else:
            said.alerts.append(seen)
        return seen

    def updated(self, data: Mapping[str, Any], *, read_s: float) -> AlertSeen | None:
        """Takes `alert.updated`; one that is confirmed by it counts from now on."""
        if str(data.get("id", "")) not in self._seen:
            return self.alert(data, read_s=read_s)
        self._count_repeats(str(data.get("id", "")), data)
        return None

    def retracted(self, data: Mapping[str, Any]) -> None:
        """Takes `alert.retracted`: as if it had not been raised."""
        alert_id = str(data.get("id", ""))
        self._false = [alert for alert in self._false if alert.id != alert_id]
        for said in self._said:
            said.alerts = [alert for alert in said.alerts if alert.id != alert_id]

    @property
    def complete(self) -> bool:
        """Every line has its words, and its alert where it must have one."""
        return all(
            said.texts and (said.alerts or not said.spoken.line.alerts) for said in self._said
        )

    def report(self) -> Report:
        said = [words(each.spoken.line.text) for each in self._said]
        errors = sum(
            word_errors(script, words(each.heard))
            for script, each in zip(said, self._said, strict=True)
        )
        inserted = sum(len(words(text)) for text in self._unassigned.values())
        expected = [each for each in self._said if each.spoken.line.alerts]
        latencies = (each.latency_s for each in expected)
        return Report(
            started_at=self._started.at,
            utterances=len(self._said),
            unsent=sum(each.spoken.ended is None for each in self._said),
            words=sum(map(len, said)),
            word_errors=errors + inserted,
            unassigned=len(self._unassigned),
            expected=len(expected),
            raised=sum(len(each.alerts) for each in self._said) + len(self._false),
            missed=sum(not each.alerts for each in expected),
            false=len(self._false),
            repeated=self._repeated,
            latencies_s=tuple(latency for latency in latencies if latency is not None),
            lines=tuple(map(_result, self._said)),
            false_alerts=tuple(self._false),
        )

    def _count_repeats(self, alert_id: str, data: Mapping[str, Any]) -> None:
        repeats = int(data.get("repeats") or 0)
        self._repeated += max(0, repeats - self._seen.get(alert_id, repeats))
        self._seen[alert_id] = max(repeats, self._seen.get(alert_id, 0))

    def _find(self, speaker_id: str, start: datetime, end: datetime) -> _Said | None:
        """The speaker's line that lies nearest to these times, if any is near enough."""
        near = [
            (gap, said)
            for said in self._said
            if said.spoken.speaker.id == speaker_id
            and (gap := _gap_s(said.spoken, start, end)) <= TOLERANCE_S
        ]
        return min(near, key=lambda found: found[0])[1] if near else None


def _gap_s(spoken: Spoken, start: datetime, end: datetime) -> float:
    """Seconds between the line and a stretch of time; negative: by how much they overlap."""
    if spoken.started is None:
        return math.inf
    until = spoken.ended.at if spoken.ended is not None else max(end, spoken.started.at)
    return (max(start, spoken.started.at) - min(end, until)).total_seconds()


def _right(spoken: Spoken, rules: Sequence[str]) -> bool:
    return spoken.line.alerts and (not spoken.line.rule or spoken.line.rule in rules)


def _result(said: _Said) -> LineResult:
    line = said.spoken.line
    return LineResult(
        speaker_id=said.spoken.speaker.id,
        at_s=line.at_s,
        from_s=said.spoken.first / SAMPLE_RATE,
        to_s=(said.spoken.last + FRAME) / SAMPLE_RATE,
        text=line.text,
        alerts=line.alerts,
        rule=line.rule,
        sent=said.spoken.ended is not None,
        heard=said.heard,
        alert_ids=tuple(alert.id for alert in said.alerts),
        after_words_s=said.latency_s,
    )


def _time(text: object) -> datetime:
    """An event's time; the beginning of time where it has none, which is near no line."""
    try:
        time = datetime.fromisoformat(str(text))
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)
