"""Back-tests: drafts of packs, run on transcripts on record.

A worker runs one at a time: a back-test takes seconds, and the rooms go on meanwhile.
"""

from __future__ import annotations

import asyncio
import pickle
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from policies.backtest import Change, Kind, Report, compare_packs
from policies.load import load_drafts
from policies.match import Match, RuleStatus
from policies.matcher import Matcher
from policies.pack import Pack
from policies.packed import pack_up_in_batches
from policies.severity import Severity
from policies.stored import Stored
from service.clock import Timestamp
from service.errors import Problem
from service.rulebook.jobs import pack_up_packs, unpack_all
from service.rulebook.ports import PolicyWorker

MOST_UTTERANCES = 50_000
"""Transcripts in one back-test; the newest."""
MOST_CHANGES = 500
"""Changes that a report lists; it counts all."""
_BATCH = 200
"""Utterances pickled without a pause: a millisecond."""


class PastSpeech(Protocol):
    """Transcripts on record."""

    async def count(
        self, since: datetime | None, until: datetime | None, room_id: str | None
    ) -> int:
        """Return the number of utterances with words that began in this time."""
        ...

    async def newest(
        self, since: datetime | None, until: datetime | None, room_id: str | None, limit: int
    ) -> Sequence[Stored]:
        """Return the newest of them, in the order in which they were spoken."""
        ...


@dataclass(frozen=True, slots=True)
class RuleDifference:
    """Hits and alerts of one rule with the packs in force (before) and with the drafts (after).

    An alert is a hit outside the cool-down of the one before. Rates are per hour of speech in the
    back-test.
    """

    pack: str
    rule_id: str
    hits_before: int
    hits_after: int
    alerts_before: int
    alerts_after: int
    alerts_per_hour_before: float
    alerts_per_hour_after: float
    new: int
    gone: int
    changed: int


@dataclass(frozen=True, slots=True)
class AlertSummary:
    """
    Attributes:
        words: Matched words of the transcript.
    """

    severity: Severity
    review: bool
    words: Sequence[str]
    explanation: str


@dataclass(frozen=True, slots=True)
class AlertDifference:
    """An alert that would be new, gone or changed.

    Attributes:
        before: Alert with the packs in force; null for none.
        after: Alert with the drafts; null for none.
    """

    kind: Kind
    pack: str
    rule_id: str
    utterance_id: str
    room_id: str
    speaker_id: str
    at: Timestamp
    before: AlertSummary | None
    after: AlertSummary | None


@dataclass(frozen=True, slots=True)
class BacktestReport:
    """
    Attributes:
        utterances: Utterances in the back-test.
        left_out: Older utterances of the period, beyond the bound of one back-test.
        hours: Hours of speech in the back-test.
        since: Start of the first utterance; null without one.
        until: End of the last utterance; null without one.
        changed_alerts: Number of alerts that are new, gone or changed.
        changes: The first of these alerts.
    """

    utterances: int
    left_out: int
    hours: float
    since: Timestamp | None
    until: Timestamp | None
    rules: Sequence[RuleDifference]
    changed_alerts: int
    changes: Sequence[AlertDifference]


class Backtesting:
    """Run back-tests, one at a time.

    Args:
        most: Utterances in one back-test.
    """

    def __init__(
        self, said: PastSpeech, worker: PolicyWorker, *, most: int = MOST_UTTERANCES
    ) -> None:
        self._said = said
        self._worker = worker
        self._most = most
        self._busy = False

    async def run(
        self,
        drafts: Sequence[str],
        live: Sequence[Pack],
        statuses: Collection[RuleStatus],
        *,
        since: datetime | None,
        until: datetime | None,
        room_id: str | None,
    ) -> BacktestReport:
        """Compare the drafts with the packs in force on transcripts of a period.

        Args:
            drafts: Packs as YAML; each replaces the pack in force of its name, or is added.
            statuses: Statuses of the rules that take part on both sides.

        Raises:
            PackInvalid: With every error of the drafts.
            Problem: 409, another back-test runs; 503, the worker is away.
        """
        if self._busy:
            raise Problem(
                409, "Back-test running", "one runs already; wait until it has ended and ask again"
            )
        self._busy = True
        try:
            total = await self._said.count(since, until, room_id)
            said = await self._said.newest(since, until, room_id, self._most)
            left_out = max(0, total - len(said))
            pickled = await asyncio.to_thread(_pickled, said)
            packs = await asyncio.to_thread(pack_up_packs, live)
            return await self._worker.run(
                compare, list(drafts), packs, list(statuses), pickled, left_out
            )
        finally:
            self._busy = False


def _pickled(said: Sequence[Stored]) -> Sequence[bytes]:
    """Pickle in batches; call it in a thread. Other threads run between two batches."""
    return pack_up_in_batches(said, _BATCH, between=lambda: time.sleep(0))


def compare(
    drafts: Sequence[str],
    live: Sequence[bytes],
    statuses: Sequence[RuleStatus],
    said: Sequence[bytes],
    left_out: int,
) -> BacktestReport:
    """Run a back-test; a job for the worker.

    Raises:
        PackInvalid: With every error of the drafts.
    """
    packs = unpack_all(live)
    before = Matcher(packs, statuses)
    after = Matcher(load_drafts(drafts, packs), statuses)
    utterances = [stored for batch in said for stored in _batch(batch)]
    return _report(compare_packs(before, after, utterances), utterances, left_out)


def _batch(pickled: bytes) -> Sequence[Stored]:
    batch: Sequence[Stored] = pickle.loads(pickled)
    return batch


def _report(report: Report, said: Sequence[Stored], left_out: int) -> BacktestReport:
    return BacktestReport(
        utterances=report.utterances,
        left_out=left_out,
        hours=round(report.hours, 4),
        since=_moment(said[0].at_s) if said else None,
        until=_moment(max(each.at_s + each.seconds for each in said)) if said else None,
        rules=[
            RuleDifference(
                pack=pack,
                rule_id=rule_id,
                hits_before=counts.hits_before,
                hits_after=counts.hits_after,
                alerts_before=counts.alerts_before,
                alerts_after=counts.alerts_after,
                alerts_per_hour_before=round(report.rate(counts.alerts_before), 3),
                alerts_per_hour_after=round(report.rate(counts.alerts_after), 3),
                new=counts.new,
                gone=counts.gone,
                changed=counts.changed,
            )
            for (pack, rule_id), counts in sorted(report.rules.items())
        ],
        changed_alerts=sum(each.new + each.gone + each.changed for each in report.rules.values()),
        changes=[_change(change) for change in report.changes[:MOST_CHANGES]],
    )


def _change(change: Change) -> AlertDifference:
    pack, rule_id = change.name
    stored = change.stored
    return AlertDifference(
        kind=change.kind,
        pack=pack,
        rule_id=rule_id,
        utterance_id=stored.id,
        room_id=stored.room_id,
        speaker_id=stored.speaker_id,
        at=_moment(stored.at_s),
        before=_match(stored, change.before),
        after=_match(stored, change.after),
    )


def _match(stored: Stored, match: Match | None) -> AlertSummary | None:
    if match is None:
        return None
    words = [stored.text[start:end] for start, end in match.spans]
    return AlertSummary(match.severity, match.review, words, match.explanation)


def _moment(at_s: float) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)
