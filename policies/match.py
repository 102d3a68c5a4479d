"""Results of the matcher."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from policies.severity import Severity

Span = tuple[int, int]
"""Half-open Unicode code-point offsets into `Spoken.text`."""


class RuleStatus(StrEnum):
    """Stage of a rule."""

    DRAFT = "draft"
    """Matched by its own examples, back-tests and commands only."""
    SHADOW = "shadow"
    """Matched in rooms and counted. It raises no alert."""
    ACTIVE = "active"
    DEPRECATED = "deprecated"
    """Kept for the record, matched nowhere."""


class Layer(StrEnum):
    """Kinds of comparison that find a phrase, the surest first."""

    EXACT = "exact"
    PATTERN = "pattern"
    PINYIN = "pinyin"
    """By syllables."""
    PHONES = "phones"
    """By single sounds."""


AS_WRITTEN = (Layer.EXACT, Layer.PATTERN)
"""Layers that compare the words; the others compare sounds."""


class Action(StrEnum):
    """Suggestion of a rule. People decide."""

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
        severity: Severity of the rule, after exceptions and repetition.
        spans: Places in the text. A phrase that only another reading of the sound has is placed at
            the words that it replaces.
        explanation: Words that matched and the rule they break, in plain words for a moderator.
        cooldown_s: Seconds after an alert in which a further hit of the rule by the same speaker
            in the same room raises that alert's `repeats` instead of a new alert.
        rule_version: Version of the rule, or of its pack.
        status: ACTIVE, or SHADOW, which raises no alert.
        layer: Surest layer that found one of its phrases.
        distance: Weighted share of the phrase's sounds that differ; 0 if none does.
        score: Weights of the groups that were found, each reduced by its distance.
        review: A person should look, without alarm: an exception applies, or the rule asks for
            review only.
        excused_by: Exceptions that apply, in words.
        actions: Suggestions of the rule.
        raised_from: Severity before repetition raised it; None if it did not.
        reached: Repetition raised the severity with this hit, so that it raises an alert of its own
            within the cool-down.
        times: Start and end of each span in seconds of the utterance; empty if unknown.
        reading: Number of the hypothesis that has the phrase, from 1; 0 for `text` itself.
        title: Title of the rule.
        subcategory: Finer name of the category; empty if the rule gives none.
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
    subcategory: str = ""
