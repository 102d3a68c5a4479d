"""Comparison of two sets of packs on record: new, gone and changed alerts, rule by rule.

Pure: it takes the utterances in spoken order, and writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from policies.match import Match
from policies.matcher import Matcher
from policies.recent import Recent
from policies.spoken import Context, Spoken
from policies.stored import Stored

MOST_CHANGES = 10_000
"""Most changes to keep for display; all are counted."""

Name = tuple[str, str]
"""Pack and rule id."""


class Kind(StrEnum):
    """Kinds of change."""

    NEW = "new"
    GONE = "gone"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Change:
    """An alert that the other packs would raise, not raise, or raise differently."""

    kind: Kind
    stored: Stored
    before: Match | None
    after: Match | None

    @property
    def name(self) -> Name:
        """Pack and rule id."""
        found = self.after or self.before
        assert found is not None
        return rule_name(found)


@dataclass(slots=True)
class Counts:
    """Counts of one rule. An alert is a hit outside the cool-down of the one before."""

    hits_before: int = 0
    hits_after: int = 0
    alerts_before: int = 0
    alerts_after: int = 0
    new: int = 0
    gone: int = 0
    changed: int = 0


@dataclass(slots=True)
class Report:
    """Result of a back-test.

    Attributes:
        hours: Hours of speech.
        rules: Counts by pack and rule id.
        changes: First changes, `MOST_CHANGES` at most.
    """

    utterances: int = 0
    hours: float = 0.0
    rules: dict[Name, Counts] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)

    def rate(self, alerts: int) -> float:
        """Return alerts per hour of speech."""
        return alerts / self.hours if self.hours else 0.0

    def counts_of(self, name: Name) -> Counts:
        """Return the counts of one rule, to be changed."""
        return self.rules.setdefault(name, Counts())


def compare_packs(before: Matcher, after: Matcher, said: Iterable[Stored]) -> Report:
    """Compare two sets of packs on the same utterances."""
    report = Report()
    sides = Replay(before), Replay(after)
    for stored in said:
        report.utterances += 1
        report.hours += stored.seconds / 3600
        old, new = (side.match_utterance(stored) for side in sides)
        _count(report, stored, old, new)
    return report


@dataclass(frozen=True, slots=True)
class Replayed:
    """Matches of one set of packs in an utterance.

    Attributes:
        hits: All matches, live or not.
        alerts: Matches outside their rule's cool-down.
    """

    hits: Sequence[Match]
    alerts: Mapping[Name, Match]


class Replay:
    """Matches utterances one after another, as in a room, with their context."""

    def __init__(self, matcher: Matcher) -> None:
        self._matcher = matcher
        self._recent = Recent()
        self._alerted: dict[tuple[Name, str, str], float] = {}

    def match_utterance(self, stored: Stored) -> Replayed:
        """Match the next utterance."""
        context = Context(
            room_id=stored.room_id,
            speaker_id=stored.speaker_id,
            packs=stored.packs,
            role=stored.role,
            earlier=self._recent.earlier(stored.room_id, stored.at_s),
            hits=self._recent.hits(stored.room_id, stored.at_s),
        )
        spoken = Spoken(stored.text, stored.language)
        verdict = self._matcher.verdict(spoken, context)
        hits = [*verdict.live, *verdict.shadow]
        self._recent.add(stored.room_id, stored.speaker_id, stored.at_s, spoken, hits)
        return Replayed(hits, {rule_name(hit): hit for hit in hits if self._is_alert(hit, stored)})

    def _is_alert(self, hit: Match, stored: Stored) -> bool:
        key = (rule_name(hit), stored.room_id, stored.speaker_id)
        last_s = self._alerted.get(key)
        if last_s is not None and stored.at_s - last_s < hit.cooldown_s and not hit.reached:
            return False
        self._alerted[key] = stored.at_s
        return True


def rule_name(match: Match) -> Name:
    """Return pack and rule id of a match."""
    return match.pack, match.rule_id


def _count(report: Report, stored: Stored, old: Replayed, new: Replayed) -> None:
    for match in old.hits:
        report.counts_of(rule_name(match)).hits_before += 1
    for match in new.hits:
        report.counts_of(rule_name(match)).hits_after += 1
    for each in old.alerts:
        report.counts_of(each).alerts_before += 1
    for each in new.alerts:
        report.counts_of(each).alerts_after += 1
    for change in _changes(stored, old, new):
        counts = report.counts_of(change.name)
        setattr(counts, change.kind, getattr(counts, change.kind) + 1)
        if len(report.changes) < MOST_CHANGES:
            report.changes.append(change)


def _changes(stored: Stored, old: Replayed, new: Replayed) -> Iterator[Change]:
    for each in dict.fromkeys((*new.alerts, *old.alerts)):
        before, after = old.alerts.get(each), new.alerts.get(each)
        if before is None:
            yield Change(Kind.NEW, stored, None, after)
        elif after is None:
            yield Change(Kind.GONE, stored, before, None)
        elif _shown(before) != _shown(after):
            yield Change(Kind.CHANGED, stored, before, after)


def _shown(match: Match) -> tuple[object, ...]:
    """Return the parts of a match that a moderator sees."""
    return match.severity, match.review, match.spans, match.excused_by
