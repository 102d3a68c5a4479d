"""Severity raised by repetition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from policies.listen import Escalation
from policies.severity import Severity
from policies.spoken import Context, PastHit


@dataclass(frozen=True, slots=True)
class Raised:
    """A severity raised by repetition.

    Attributes:
        count: Hits, the present one included.
        reached: The present hit is the one that raised it.
    """

    severity: Severity
    count: int
    reached: bool


def raise_severity(
    steps: Sequence[Escalation], severity: Severity, name: tuple[str, str], context: Context
) -> Raised | None:
    """Return the highest step that a rule's hits reach; None if none is above `severity`.

    Args:
        name: Pack and rule id.
        context: Its `hits` are the earlier hits, without the present one.
    """
    best: Raised | None = None
    for step in steps:
        count = 1 + sum(_counts(step, hit, name, context) for hit in context.hits)
        least = best.severity if best else severity
        if count >= step.count and step.severity.rank > least.rank:
            best = Raised(step.severity, count, count == step.count)
    return best


def _counts(step: Escalation, hit: PastHit, name: tuple[str, str], context: Context) -> bool:
    same = step.per == "room" or hit.speaker_id == context.speaker_id
    return same and (hit.pack, hit.rule_id) == name and 0 <= hit.ago_s <= step.within
