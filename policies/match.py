"""What the matcher returns."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from policies.severity import Severity

Span = tuple[int, int]
"""Half-open Unicode code-point offsets into `Spoken.text`."""


class RuleStatus(StrEnum):
    """How far a rule has come."""

    DRAFT = "draft"
    """Only tried out: by its own examples, back-tests and commands."""
    SHADOW = "shadow"
    """Heard in rooms beside the live ones, and never shown as an alert."""
    ACTIVE = "active"
    DEPRECATED = "deprecated"
    """Kept for the record, heard nowhere."""


class Layer(StrEnum):
    """How what was heard was found to be a phrase, the surest first."""

    EXACT = "exact"
    PATTERN = "pattern"
    PINYIN = "pinyin"
    PHONES = "phones"


class Action(StrEnum):
    """What a rule suggests. People decide."""

    ALERT = "alert"
    QUEUE_REVIEW = "queue_review"
    SUGGEST_WARN = "suggest_warn"
    SUGGEST_MUTE = "suggest_mute"
    SUGGEST_REMOVE = "suggest_remove"
    OFFER_HELP = "offer_help"


@dataclass(frozen=True, slots=True)
class Match:
    """One rule that applies to one utterance, with every place where it does.

    Attributes:
        severity: The rule's, after exceptions and repetition.
        spans: Where in the text; for a phrase that only another reading of the sound has, the
            words that stand in its place.
        explanation: For a moderator, in plain words: what was heard and which rule it breaks.
        cooldown_s: Seconds after an alert in which a further hit of the rule by the same speaker
            in the same room raises that alert's `repeats` instead of a new alert.
        rule_version: The rule's own, or its pack's.
        status: ACTIVE, or SHADOW: not for people's alerts.
        layer: The surest way in which one of its phrases was found.
        distance: How far what was heard is from that phrase: 0 the same, else the share of its
            sounds that differ, weighted.
        score: The weights of the groups that were heard, each less by its distance.
        review: To be looked at, not an alarm: an exception speaks for the speaker, or the rule
            only asks for review.
        excused_by: The exceptions that speak for the speaker, in words.
        actions: What the rule suggests.
        raised_from: The severity before repetition raised it, None where it did not.
        reached: This hit is the one with which repetition raised the severity: worth an alert of
            its own within the cool-down.
        times: Seconds in the utterance from and to which each span was said; empty if not known.
        reading: 0 where `text` has it, else the number of the hypothesis that does, from 1.
        title: The rule's.
    """

    pack: str
    pack_version: str
    rule_id: str
    severity: Severity
    category: str
    spans: tuple[Span, ...]
    explanation: str
    cooldown_s: float = 0.0
    rule_version: str = ""
    status: RuleStatus = RuleStatus.ACTIVE
    layer: Layer = Layer.EXACT
    distance: float = 0.0
    score: float = 0.0
    review: bool = False
    excused_by: tuple[str, ...] = ()
    actions: tuple[Action, ...] = ()
    raised_from: Severity | None = None
    reached: bool = False
    times: tuple[tuple[float, float], ...] = ()
    reading: int = 0
    title: str = ""
