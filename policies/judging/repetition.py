"""Repetition makes a rule's hits graver."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from policies.listen import Escalation
from policies.severity import Severity
from policies.spoken import Context, PastHit


@dataclass(frozen=True, slots=True)
class Raised:
    """
    Attributes:
        count: Hits, this one included, that raised it.
        reached: This hit is the one that did.
    """

    severity: Severity
    count: int
    reached: bool


def raised(
    steps: Sequence[Escalation], severity: Severity, name: tuple[str, str], context: Context
) -> Raised | None:
    """The gravest step that the hits of a rule reach; None where none is above `severity`.

    `name` is pack and rule id; `context.hits` holds what came before, this hit is not in it.
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
