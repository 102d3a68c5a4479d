"""Results of a simulation: alerts and transcripts as they arrive, and the report at the end."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ReceivedTranscript:
    """A final transcript as it arrived.

    Attributes:
        at_s: Seconds since the start of the script.
    """

    at_s: float
    speaker: str
    text: str


@dataclass(frozen=True, slots=True)
class ReceivedAlert:
    """An alert as it arrived.

    Attributes:
        at_s: Seconds since the start of the script.
        after_words_s: Seconds since the line's last sound was sent; None where it had not been sent
            yet, or no line fits the alert.
        expected: True where the script wants this alert and the line had none yet.
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
    """Result of one line of the script; times in seconds since the script's start.

    Attributes:
        from_s, to_s: Times between which it is audible, sent or not.
        sent: True where all of its sound was sent.
        stalled_s: Longest stall of the simulation itself while the line was sent.
        heard: Words of its transcripts.
    """

    speaker_id: str
    at_s: float
    from_s: float
    to_s: float
    text: str
    alerts: bool
    rule: str
    sent: bool
    stalled_s: float
    heard: str
    alert_ids: Sequence[str]
    after_words_s: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """Report on a simulation.

    Attributes:
        started_at: Time at which the script started.
        utterances: Number of lines in the script.
        unsent: Number of lines of which some sound was not sent, for lack of a connection.
        unassigned: Number of transcripts with words that fit no line.
        repeated: Number of alerts for lines that had one already, and of matches added to them.
        latencies_s: Latency of each expected alert, from the last sound sent to the event's bytes
            read.
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
    false_alerts: Sequence[ReceivedAlert]

    @property
    def word_error_rate(self) -> float:
        return self.word_errors / self.words if self.words else 0.0

    @property
    def ok(self) -> bool:
        """True where every expected alert came once, and no other alert came."""
        return not (self.missed or self.false or self.repeated)

    def latency_s(self, share: float) -> float | None:
        """Return the latency quantile of this share (nearest rank); None without alerts."""
        ordered = sorted(self.latencies_s)
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


def combine_reports(reports: Sequence[Report]) -> Report:
    """Combine the reports, at least one, of rooms that were simulated at once."""

    def total(count: Callable[[Report], int]) -> int:
        return sum(map(count, reports))

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
