"""How well each rule does: what it hit, what people decided, and what a shadow rule would change.

Pure: what is counted comes in from storage.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from policies.match import RuleStatus
from policies.pack import Pack
from policies.severity import Severity
from service.clock import Timestamp
from service.errors import Problem

REPORTED = timedelta(days=30)
"""The time that is looked at if nobody says which."""
_HOUR = timedelta(hours=1)
_Z = 1.959963984540054
"""Standard deviations of a normal distribution within which 95 % lies."""


@dataclass(frozen=True, slots=True)
class Period:
    """Whole hours; what was said in them, in one room or in all.

    Attributes:
        until: The first moment after it.
    """

    since: datetime
    until: datetime
    room_id: str | None = None


def period(
    since: datetime | None,
    until: datetime | None,
    room_id: str | None,
    *,
    now: datetime,
    kept: timedelta,
) -> Period:
    """What is asked for, widened to whole hours; no longer ago than hits are kept.

    Without `since`, the last 30 days.

    Raises:
        Problem: 422, nothing was or is kept of that time.
    """
    earliest = now - kept
    end = now if until is None else min(until, now)
    if end <= earliest or (since is not None and since >= end):
        raise Problem(
            422,
            "Nothing on record",
            f"what rules hit is kept for {kept.days} days; ask for a time within them",
        )
    end = end.astimezone(UTC)
    begin = max(since or end - REPORTED, earliest).astimezone(UTC)
    first = begin.replace(minute=0, second=0, microsecond=0)
    last = end.replace(minute=0, second=0, microsecond=0)
    return Period(first, last if last == end else last + _HOUR, room_id)


@dataclass(frozen=True, slots=True)
class RuleKey:
    """A rule as it was: hits and decisions of another version say little about this one.

    Attributes:
        version: The rule's own, or its pack's; empty for alerts of before hits were counted.
    """

    pack: str
    rule_id: str
    version: str


@dataclass(frozen=True, slots=True)
class HitCount:
    """Of one rule; `excused` and `review` are of `live` and `shadow` together."""

    live: int = 0
    shadow: int = 0
    excused: int = 0
    review: int = 0


@dataclass(frozen=True, slots=True)
class DecisionCount:
    """Of the alerts that a rule raised, alone or with others."""

    alerts: int = 0
    undecided: int = 0
    upheld: int = 0
    dismissed: int = 0


@dataclass(frozen=True, slots=True)
class Beside:
    """Utterances that a live rule caught."""

    pack: str
    rule_id: str
    utterances: int


@dataclass(frozen=True, slots=True)
class ShadowCount:
    """A shadow rule beside the live ones, from its first hit on.

    Attributes:
        together: Utterances that a live rule caught, too.
        together_with: By which; an utterance counts for each.
        missed: Utterances that live rules of its category caught, and it did not.
        missed_by: Which caught them; an utterance counts for each.
    """

    since: Timestamp
    together: int = 0
    together_with: Sequence[Beside] = ()
    missed: int = 0
    missed_by: Sequence[Beside] = ()


@dataclass(frozen=True, slots=True)
class Counted:
    """What storage knows of a period.

    Attributes:
        speech_ms: How much was heard, None where that is not known for the room alone.
        utterances: The same in number.
    """

    hits: Mapping[RuleKey, HitCount]
    decisions: Mapping[RuleKey, DecisionCount]
    shadows: Mapping[RuleKey, ShadowCount]
    speech_ms: int | None
    utterances: int | None


@dataclass(frozen=True, slots=True)
class Precision:
    """Upheld among the decided, and the bounds between which its true value lies in 95 of 100
    cases (Wilson's interval)."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Difference:
    """What a shadow rule would change.

    Attributes:
        since: Its first hit; live rules are compared from then on.
        alone: Utterances that no live rule caught.
        together: Utterances that a live rule caught, too.
        together_with: By which; an utterance counts for each.
        missed: Utterances that live rules of its category caught, and it did not.
        missed_by: Which caught them; an utterance counts for each.
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
        rule_version: Empty for alerts of before hits were counted.
        title: Empty where the rule is not in force any more, in any version.
        status: In force now; null where this version is not.
        hits_live: Utterances that it applied to while it was active.
        hits_shadow: The same while it was in shadow.
        excused: Hits in which an exception spoke for the speaker.
        review: Hits to be looked at, without an alarm.
        alerts: Raised by it, alone or with other rules.
        precision: Null before the first decision.
        hits_per_hour: Per hour of speech; null where that is not known.
        difference: Null where it was never in shadow.
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
    upheld: int
    dismissed: int
    precision: Precision | None
    hits_per_hour: float | None
    difference: Difference | None


@dataclass(frozen=True, slots=True)
class RuleReport:
    """
    Attributes:
        since: The beginning of its first hour; what was asked for is widened to whole hours.
        until: The end of its last hour.
        room_id: Null for all rooms.
        hours: Of speech heard; null for one room, as hours are counted for all of them together.
        utterances: Heard; null for one room.
        rules: Those in force, and all others with a hit or an alert; by pack, rule and version.
    """

    since: Timestamp
    until: Timestamp
    room_id: str | None
    hours: float | None
    utterances: int | None
    rules: Sequence[RuleFigures]


def rule_report(asked: Period, counted: Counted, packs: Iterable[Pack]) -> RuleReport:
    """`packs` are those in force."""
    hours = None if counted.speech_ms is None else counted.speech_ms / 3_600_000
    current = _current(packs)
    keys = {*current, *counted.hits, *counted.decisions}
    titles = {(key.pack, key.rule_id): told.title for key, told in current.items()}
    return RuleReport(
        since=asked.since,
        until=asked.until,
        room_id=asked.room_id,
        hours=None if hours is None else round(hours, 4),
        utterances=counted.utterances,
        rules=[
            _figures(key, counted, current.get(key), titles, hours)
            for key in sorted(keys, key=lambda key: (key.pack, key.rule_id, key.version))
        ],
    )


@dataclass(frozen=True, slots=True)
class _InForce:
    title: str
    severity: Severity
    status: RuleStatus


def _current(packs: Iterable[Pack]) -> dict[RuleKey, _InForce]:
    heard: Collection[RuleStatus] = (RuleStatus.ACTIVE, RuleStatus.SHADOW)
    return {
        RuleKey(pack.pack, rule.id, rule.version or pack.version): _InForce(
            rule.title, rule.severity, rule.status
        )
        for pack in packs
        for rule in pack.policies
        if rule.status in heard
    }


def _figures(
    key: RuleKey,
    counted: Counted,
    now: _InForce | None,
    titles: Mapping[tuple[str, str], str],
    hours: float | None,
) -> RuleFigures:
    hits = counted.hits.get(key, HitCount())
    decisions = counted.decisions.get(key, DecisionCount())
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
        upheld=decisions.upheld,
        dismissed=decisions.dismissed,
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


def precision(upheld: int, dismissed: int) -> Precision | None:
    """None before the first decision."""
    decided = upheld + dismissed
    if decided == 0:
        return None
    share = upheld / decided
    spread = _Z**2 / decided
    middle = (share + spread / 2) / (1 + spread)
    half = _Z * math.sqrt(share * (1 - share) / decided + spread / (4 * decided)) / (1 + spread)
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    return Precision(round(share, 4), round(low, 4), round(high, 4))
