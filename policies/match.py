"""What the matcher returns."""

from __future__ import annotations

from dataclasses import dataclass

from policies.severity import Severity

Span = tuple[int, int]
"""Half-open Unicode code-point offsets into `Spoken.text`."""


@dataclass(frozen=True, slots=True)
class Match:
    """One rule that applies to one utterance, with every place where it does.

    Attributes:
        explanation: For a moderator, in plain words: what was heard and which rule it breaks.
        cooldown_s: Seconds after an alert in which a further hit of the rule by the same speaker
            in the same room raises that alert's `repeats` instead of a new alert.
    """

    pack: str
    pack_version: str
    rule_id: str
    severity: Severity
    category: str
    spans: tuple[Span, ...]
    explanation: str
    cooldown_s: float = 0.0
