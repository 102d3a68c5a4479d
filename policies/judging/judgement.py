"""Judgement of one rule on one utterance, with its reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from policies.judging.conditions import Occurrence, find_occurrences
from policies.judging.exceptions import ALLOWED, find_excuses
from policies.judging.found import Found
from policies.judging.repetition import Raised, raise_severity
from policies.judging.scope import out_of_scope
from policies.listen import Effect
from policies.match import Action
from policies.pack import Pack, Rule
from policies.severity import Severity
from policies.spoken import Context, Spoken


@dataclass(frozen=True, slots=True)
class Judged:
    """A place at which a rule's conditions hold, and the exceptions that apply there."""

    occurrence: Occurrence
    excused_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Judgement:
    """One rule's verdict on one utterance.

    Attributes:
        found: All phrases of the rule's groups, and allowed phrases, that were found.
        places: Places at which its conditions hold, with new words in each.
        scope: Reason that the rule does not apply here; empty if it does.
        counting: Places that make the match: those without an exception, else all.
        severity: Severity after exceptions and repetition.
        review: See `Match.review`.
        raised: Effect of repetition; None if there is none.
    """

    pack: Pack
    rule: Rule
    found: Sequence[Found]
    places: Sequence[Judged]
    scope: str
    counting: Sequence[Judged]
    severity: Severity
    review: bool
    raised: Raised | None

    @property
    def applies(self) -> bool:
        """Whether there is a match."""
        excused = self.excused_by and self.rule.except_.effect is Effect.SUPPRESS
        return bool(self.counting) and not self.scope and not excused

    @property
    def excused_by(self) -> tuple[str, ...]:
        """Exceptions that apply, in words."""
        reasons = (reason for place in self.counting for reason in place.excused_by)
        return tuple(dict.fromkeys(reasons))


def judge_rule(
    pack: Pack, rule: Rule, found: Sequence[Found], spoken: Spoken, context: Context
) -> Judgement:
    """Judge a rule. `found` must be in spoken order, earlier utterances first."""
    places = [
        Judged(occurrence, _excuses(rule, occurrence, found))
        for occurrence in find_occurrences(rule.when, rule.match, found)
        if any(
            each.utterance.now and each.span[1] > spoken.new_from for each in occurrence.everything
        )
    ]
    counting = [place for place in places if not place.excused_by] or places
    excused = bool(counting) and bool(counting[0].excused_by)
    severity, higher = rule.severity, None
    if excused:
        severity = _lowered(severity, rule.except_.effect)
    elif counting:
        higher = raise_severity(rule.escalate, severity, (pack.pack, rule.id), context)
        severity = higher.severity if higher else severity
    return Judgement(
        pack=pack,
        rule=rule,
        found=found,
        places=places,
        scope=out_of_scope(rule.scope, context),
        counting=counting,
        severity=severity,
        review=Action.ALERT not in rule.actions
        or (excused and rule.except_.effect is Effect.REVIEW),
        raised=higher,
    )


def _excuses(rule: Rule, occurrence: Occurrence, found: Sequence[Found]) -> tuple[str, ...]:
    here = [each for each in occurrence.found if each.utterance.now]
    allowed = [each for each in found if each.group == ALLOWED and each.utterance.now]
    return find_excuses(rule.except_, here, allowed) if here else ()


def _lowered(severity: Severity, effect: Effect) -> Severity:
    if effect is Effect.REVIEW:
        return Severity.LOW
    return list(Severity)[max(0, severity.rank - 1)]
