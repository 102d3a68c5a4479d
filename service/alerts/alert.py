"""Alerts and what happens to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar

from policies.handling import Handling, handling_of
from policies.match import Action, Layer, Match, Span
from policies.severity import Severity
from service.clock import Timestamp

TALK_AROUND = timedelta(seconds=60)
"""Talk within this time of an alert belongs to its case and is kept as long as the alert."""


class AlertState(StrEnum):
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"
    RETRACTED = "retracted"


UNDECIDED = frozenset({AlertState.OPEN, AlertState.ACKNOWLEDGED})


class Outcome(StrEnum):
    """Decision about an alert. `OUTCOMES` has those that its handling allows."""

    UPHELD = "upheld"
    DISMISSED = "dismissed"
    SUPPORTED = "supported"
    """Somebody was offered help."""
    NOT_NEEDED = "not_needed"
    """Nobody needs help."""


OUTCOMES: Mapping[Handling, tuple[Outcome, Outcome]] = MappingProxyType(
    {
        Handling.OFFENCE: (Outcome.UPHELD, Outcome.DISMISSED),
        Handling.HELP: (Outcome.SUPPORTED, Outcome.NOT_NEEDED),
    }
)


@dataclass(frozen=True, slots=True)
class AlertMatch:
    """A match as alerts store and show it: the part of `policies.match.Match` for people.

    Alerts of earlier releases lack the fields from `rule_version` on.

    Attributes:
        severity: Severity after exceptions and repetition.
        spans: Half-open code-point offsets into the alert's excerpt.
        rule_version: Version of the rule, or of its pack if the rule has none.
        title: Title of the rule.
        review: True if a person should look at it without alarm: an exception applies, or the rule
            only asks for review.
        excused_by: Exceptions that apply, in words.
        actions: Actions that the rule suggests.
        score: Sum of the weights of the groups that were found.
        layer: Surest layer in which one of its phrases was found.
        distance: Distance from that phrase: 0 for the same sounds, else the share that differs.
        times: Start and end of each span, in seconds of the utterance; empty if not known.
        raised_from: Severity before repetition raised it; null if it did not.
        subcategory: Finer name of the category; empty if the rule gives none.
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
    subcategory: str = ""

    @property
    def handling(self) -> Handling:
        return handling_of(self.category, self.subcategory)

    @classmethod
    def from_match(cls, match: Match) -> AlertMatch:
        """Return the fields of the match that alerts keep; both name them alike."""
        return cls(**{each.name: getattr(match, each.name) for each in fields(cls)})


@dataclass(frozen=True, slots=True)
class Alert:
    """Matches in one utterance, for a moderator to decide about; at most one per utterance.

    Attributes:
        severity: Severity of its gravest match, as is `category`.
        excerpt: Text of the whole utterance, preceded by earlier words of unbroken speech if a
            match begins there.
        repeats: Further hits within the rule's cool-down.
        owner: Name of the person who works on it or decided it; empty for nobody.
        outcome: Decision of a moderator; null until it is resolved.
        handling: An offence, or somebody who may need help. It decides
            which outcomes the alert may have.
        escalated_at: Time at which it was last escalated; null if it never was.
        escalated_to: Person or team whom it was escalated to; empty for the operator's on-call.
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
    handling: Handling = Handling.OFFENCE
    escalated_at: Timestamp | None = None
    escalated_to: str = ""


@dataclass(frozen=True, slots=True)
class AlertRaised:
    type: ClassVar[str] = "alert.raised"
    alert: Alert


@dataclass(frozen=True, slots=True)
class AlertUpdated:
    """The alert was acknowledged, assigned, reopened, noted on, confirmed, or hit again."""

    type: ClassVar[str] = "alert.updated"
    alert: Alert


@dataclass(frozen=True, slots=True)
class AlertEscalated:
    """Somebody else was asked to look at the alert. Its state stays."""

    type: ClassVar[str] = "alert.escalated"
    alert: Alert
    reason: str


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
    """One line of an alert's history."""

    alert_id: str
    at: Timestamp
    who: str
    action: str
    reason: str = ""
