"""What rules hit, alert or not: what their precision is reckoned from, and what outlives a restart.

No words: a hit says which rule applied to which utterance, not what was said.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from policies.match import Match, RuleStatus
from policies.severity import Severity


@dataclass(frozen=True, slots=True)
class RuleHit:
    """A rule that applied to an utterance.

    Attributes:
        status: ACTIVE, or SHADOW: nobody was told.
        review: To be looked at, no alarm.
        excused: An exception speaks for the speaker.
    """

    pack: str
    pack_version: str
    rule_id: str
    rule_version: str
    status: RuleStatus
    severity: Severity
    category: str
    review: bool
    excused: bool


def hits_of(matches: Iterable[Match]) -> Sequence[RuleHit]:
    return [
        RuleHit(
            pack=match.pack,
            pack_version=match.pack_version,
            rule_id=match.rule_id,
            rule_version=match.rule_version,
            status=match.status,
            severity=match.severity,
            category=match.category,
            review=match.review,
            excused=bool(match.excused_by),
        )
        for match in matches
    ]


@dataclass(frozen=True, slots=True)
class SaidBefore:
    """An utterance on record, and the rules (pack, id) that it counts as a hit of.

    Attributes:
        text: Empty where its words are not needed any more.
    """

    room_id: str
    speaker_id: str
    at: datetime
    language: str
    text: str
    rules: Sequence[tuple[str, str]]
