"""Rule report: hits, decisions and precision of each rule, and the effect of shadow rules.

Pure: the counts are arguments.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from policies.handling import Handling, handling_of
from policies.match import RuleStatus
from policies.pack import Pack
from policies.severity import Severity
from service.clock import Timestamp
from service.errors import Problem
from service.rulebook.precision import Precision, precision

REPORTED = timedelta(days=30)
"""Length of the period by default."""
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Period:
    """Period of whole hours, in one room or in all.

    Attributes:
        until: First moment after the period.
        room_id: Id of the room; None for all rooms.
    """

    since: datetime
    until: datetime
    room_id: str | None = None


def reported_period(
    since: datetime | None,
    until: datetime | None,
    room_id: str | None,
    *,
    now: datetime,
    kept: timedelta,
) -> Period:
    """Return the period from `since` to `until`, widened to whole hours.

    Args:
        since: Start; `REPORTED` before the end by default.
        until: End; now by default.
        kept: Retention of hits, which bounds the start.

    Raises:
        Problem: 422, nothing of that time is on record.
    """
    earliest = now - kept
    end = now if until is None else min(until, now)
    if end <= earliest or (since is not None and since >= end):
        raise Problem(
            422,
            "Nothing on record",
            f"hits are kept for {kept.days} days; ask for a time within them",
        )
    end = end.astimezone(UTC)
    begin = max(since or end - REPORTED, earliest).astimezone(UTC)
    first = begin.replace(minute=0, second=0, microsecond=0)
    last = end.replace(minute=0, second=0, microsecond=0)
    return Period(first, last if last == end else last + _HOUR, room_id)


@dataclass(frozen=True, slots=True)
class RuleKey:
    """One version of a rule: hits and decisions of another version say little about it.

    Attributes:
        version: Version of the rule, or of its pack if the rule has none; empty for alerts from
            before hits were counted.
    """

    pack: str
    rule_id: str
    version: str


@dataclass(frozen=True, slots=True)
class HitCount:
    """Hits of one rule; `excused` and `review` are parts of `live` and `shadow` together."""

    live: int = 0
    shadow: int = 0
    excused: int = 0
    review: int = 0
    handling: Handling = Handling.OFFENCE


@dataclass(frozen=True, slots=True)
class DecisionCount:
    """Decisions about the alerts that a rule raised, alone or with others."""

    alerts: int = 0
    undecided: int = 0
    upheld: int = 0
    dismissed: int = 0
    supported: int = 0
    not_needed: int = 0

    def of(self, handling: Handling) -> DecisionCount:
        """Return the count without the outcomes of the other handling."""
        if handling is Handling.HELP:
            return replace(self, upheld=0, dismissed=0)
        return replace(self, supported=0, not_needed=0)


@dataclass(frozen=True, slots=True)
class Beside:
    """A live rule, and the number of utterances that it caught beside a shadow rule."""

    pack: str
    rule_id: str
    utterances: int


@dataclass(frozen=True, slots=True)
class ShadowCount:
    """A shadow rule compared with the live ones, from its first hit on.

    Attributes:
        together: Utterances that a live rule caught, too.
        together_with: These live rules; an utterance counts for each.
        missed: Utterances that live rules of its category caught, and it did not.
        missed_by: These live rules; an utterance counts for each.
    """

    since: Timestamp
    together: int = 0
    together_with: Sequence[Beside] = ()
    missed: int = 0
    missed_by: Sequence[Beside] = ()


@dataclass(frozen=True, slots=True)
class Counted:
    """Counts of a period.

    Attributes:
        speech_ms: Milliseconds of speech; None for one room, whose speech is not counted apart.
        utterances: Number of utterances; None for one room.
    """

    hits: Mapping[RuleKey, HitCount]
    decisions: Mapping[RuleKey, DecisionCount]
    shadows: Mapping[RuleKey, ShadowCount]
    speech_ms: int | None
    utterances: int | None


@dataclass(frozen=True, slots=True)
class Difference:
    """Effect of a shadow rule, were it active.

    Attributes:
        since: Time of its first hit; live rules are compared from then on.
        alone: Utterances that no live rule caught.
        together: Utterances that a live rule caught, too.
        together_with: These live rules; an utterance counts for each.
        missed: Utterances that live rules of its category caught, and it did not.
        missed_by: These live rules; an utterance counts for each.
    """

    since: Timestamp
    alone: int
    together: int
    together_with: Sequence[Beside]
    missed: int
    missed_by: Sequence[Beside]


@dataclass(frozen=True, slots=True)
class RuleFigures:
    """One version of a rule.

    Attributes:
        rule_version: Version of the rule; empty for alerts from before hits were counted.
        title: Title of the rule; empty if no version of it is in force.
        status: Status of this version; null if it is not in force.
        hits_live: Utterances that it applied to while it was active.
        hits_shadow: Utterances that it applied to while it was in shadow.
        excused: Hits to which an exception applied.
        review: Hits for review, without an alarm.
        alerts: Alerts that it raised, alone or with other rules.
        handling: An offence, or somebody who may need help. Outcomes of
            the other handling, of alerts that it raised with other rules, do not count for it.
        precision: Share of upheld alerts; null before the first decision, and for a rule about
            somebody who may need help: nothing that they said is held against them.
        hits_per_hour: Hits per hour of speech; null if the hours are not known.
        difference: Effect of the rule in shadow; null if it never was.
    """

    pack: str
    rule_id: str
    rule_version: str
    title: str
    severity: Severity | None
    status: RuleStatus | None
    hits_live: int
    hits_shadow: int
    excused: int
    review: int
    alerts: int
    undecided: int
    handling: Handling
    upheld: int
    dismissed: int
    supported: int
    not_needed: int
    precision: Precision | None
    hits_per_hour: float | None
    difference: Difference | None


@dataclass(frozen=True, slots=True)
class RuleReport:
    """
    Attributes:
        since: Start of the first hour; the period is widened to whole hours.
        until: End of the last hour.
        room_id: Id of the room; null for all rooms.
        hours: Hours of speech; null for one room, as they are counted for all rooms together.
        utterances: Number of utterances; null for one room.
        rules: Rules in force and all others with a hit or an alert, by pack, rule and version.
    """

    since: Timestamp
    until: Timestamp
    room_id: str | None
    hours: float | None
    utterances: int | None
    rules: Sequence[RuleFigures]


def rule_report(asked: Period, counted: Counted, packs: Iterable[Pack]) -> RuleReport:
    """Return the report of a period; `packs` are those in force."""
    hours = None if counted.speech_ms is None else counted.speech_ms / 3_600_000
    current = _current(packs)
    keys = {*current, *counted.hits, *counted.decisions}
    handlings = _handlings(current, counted.hits)
    titles = {(key.pack, key.rule_id): rule.title for key, rule in current.items()}
    return RuleReport(
        since=asked.since,
        until=asked.until,
        room_id=asked.room_id,
        hours=None if hours is None else round(hours, 4),
        utterances=counted.utterances,
        rules=[
            _figures(key, counted, current.get(key), titles, _handling(key, handlings), hours)
            for key in sorted(keys, key=lambda key: (key.pack, key.rule_id, key.version))
        ],
    )


@dataclass(frozen=True, slots=True)
class _InForce:
    title: str
    severity: Severity
    status: RuleStatus
    handling: Handling


def _current(packs: Iterable[Pack]) -> dict[RuleKey, _InForce]:
    heard: Collection[RuleStatus] = (RuleStatus.ACTIVE, RuleStatus.SHADOW)
    return {
        RuleKey(pack.pack, rule.id, rule.version or pack.version): _InForce(
            rule.title,
            rule.severity,
            rule.status,
            handling_of(rule.category, rule.subcategory or ""),
        )
        for pack in packs
        for rule in pack.policies
        if rule.status in heard
    }


def _handlings(
    current: Mapping[RuleKey, _InForce], hits: Mapping[RuleKey, HitCount]
) -> Mapping[RuleKey, Handling]:
    """Return the handling of each version, with an empty version for that of the rule."""
    known = {key: count.handling for key, count in hits.items()}
    known |= {key: rule.handling for key, rule in current.items()}
    return {replace(key, version=""): handling for key, handling in known.items()} | known


def _handling(key: RuleKey, known: Mapping[RuleKey, Handling]) -> Handling:
    return known.get(key) or known.get(replace(key, version=""), Handling.OFFENCE)


def _figures(
    key: RuleKey,
    counted: Counted,
    now: _InForce | None,
    titles: Mapping[tuple[str, str], str],
    handling: Handling,
    hours: float | None,
) -> RuleFigures:
    hits = counted.hits.get(key, HitCount())
    decisions = counted.decisions.get(key, DecisionCount()).of(handling)
    shadow = counted.shadows.get(key)
    return RuleFigures(
        pack=key.pack,
        rule_id=key.rule_id,
        rule_version=key.version,
        title=titles.get((key.pack, key.rule_id), ""),
        severity=now.severity if now else None,
        status=now.status if now else None,
        hits_live=hits.live,
        hits_shadow=hits.shadow,
        excused=hits.excused,
        review=hits.review,
        alerts=decisions.alerts,
        undecided=decisions.undecided,
        handling=handling,
        upheld=decisions.upheld,
        dismissed=decisions.dismissed,
        supported=decisions.supported,
        not_needed=decisions.not_needed,
        precision=precision(decisions.upheld, decisions.dismissed),
        hits_per_hour=round((hits.live + hits.shadow) / hours, 3) if hours else None,
        difference=_difference(hits, shadow) if shadow else None,
    )


def _difference(hits: HitCount, shadow: ShadowCount) -> Difference:
    return Difference(
        since=shadow.since,
        alone=hits.shadow - shadow.together,
        together=shadow.together,
        together_with=shadow.together_with,
        missed=shadow.missed,
        missed_by=shadow.missed_by,
    )
