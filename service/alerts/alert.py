"""Alerts and what happens to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import timedelta
from enum import StrEnum
from typing import ClassVar

from policies.match import Action, Layer, Match, Span
from policies.severity import Severity
from service.clock import Timestamp

TALK_AROUND = timedelta(seconds=60)
"""Talk this close to an alert belongs to its case, and is kept as long as the alert."""


class AlertState(StrEnum):
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"
    RETRACTED = "retracted"


UNDECIDED = frozenset({AlertState.OPEN, AlertState.ACKNOWLEDGED})


class Outcome(StrEnum):
    UPHELD = "upheld"
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True)
class AlertMatch:
    """A rule that applies.

    Alerts of before these were kept have nothing from `rule_version` on.

    Attributes:
        severity: After exceptions and repetition.
        spans: Half-open code-point offsets into the alert's excerpt.
        rule_version: The rule's own, or its pack's.
        title: The rule's.
        review: To be looked at, no alarm: an exception speaks for the speaker, or the rule only
            asks for review.
        excused_by: The exceptions that speak for the speaker, in words.
        actions: What the rule suggests.
        score: The weights of what was heard of the rule.
        layer: The surest way in which one of its phrases was found.
        distance: How far what was heard is from that phrase: 0 the same, else the share of its
            sounds that differ.
        times: Seconds in the utterance from and to which each span was said; empty if not known.
        raised_from: The severity before repetition raised it; null where it did not.
    """

    pack: str
    pack_version: str
    rule_id: str
    severity: Severity
    category: str
    spans: Sequence[Span]
    explanation: str
    rule_version: str = ""
    title: str = ""
    review: bool = False
    excused_by: Sequence[str] = ()
    actions: Sequence[Action] = ()
    score: float = 0.0
    layer: Layer | None = None
    distance: float = 0.0
    times: Sequence[tuple[float, float]] = ()
    raised_from: Severity | None = None

    @classmethod
    def from_match(cls, match: Match) -> AlertMatch:
        """Return the fields of the match that alerts keep; both name them alike."""
        return cls(**{each.name: getattr(match, each.name) for each in fields(cls)})


@dataclass(frozen=True, slots=True)
class Alert:
    """At most one for an utterance; the gravest match gives severity and category.

    Attributes:
        excerpt: The whole utterance (with the words before it that a phrase over a cut began in).
        repeats: Further hits within the rule's cool-down.
        owner: Name of the person who has taken it on or decided it, empty where nobody has.
        outcome: What was decided, None until it is resolved.
    """

    id: str
    room_id: str
    speaker_id: str
    speaker_name: str
    utterance_id: str
    severity: Severity
    category: str
    state: AlertState
    provisional: bool
    repeats: int
    raised_at: Timestamp
    speech_started_at: Timestamp
    speech_ended_at: Timestamp
    excerpt: str
    matches: Sequence[AlertMatch]
    owner: str = ""
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class AlertRaised:
    type: ClassVar[str] = "alert.raised"
    alert: Alert


@dataclass(frozen=True, slots=True)
class AlertUpdated:
    """Acknowledged, assigned, reopened, noted on, confirmed, or hit again."""

    type: ClassVar[str] = "alert.updated"
    alert: Alert


@dataclass(frozen=True, slots=True)
class AlertResolved:
    type: ClassVar[str] = "alert.resolved"
    alert: Alert
    outcome: Outcome
    reason: str


@dataclass(frozen=True, slots=True)
class AlertRetracted:
    type: ClassVar[str] = "alert.retracted"
    alert: Alert


@dataclass(frozen=True, slots=True)
class Step:
    """One line of an alert's history: who did what, when and why."""

    alert_id: str
    at: Timestamp
    who: str
    action: str
    reason: str = ""
