"""One rule and one utterance: what was found, whether it applies, and why or why not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from policies.judging.conditions import Occurrence, occurrences
from policies.judging.exceptions import ALLOWED, excuses
from policies.judging.found import Found
from policies.judging.repetition import Raised, raised
from policies.judging.scope import out_of_scope
from policies.listen import Effect
from policies.match import Action
from policies.pack import Pack, Rule
from policies.severity import Severity
from policies.spoken import Context, Spoken


@dataclass(frozen=True, slots=True)
class Judged:
    """A place at which a rule's conditions hold, and what speaks for the speaker there."""

    occurrence: Occurrence
    excused_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Judgement:
    """
    Attributes:
        found: Everything of the rule's groups and allowed phrases that was heard.
        places: Where its conditions hold, with new words in each.
        scope: Why the rule does not apply here, empty if it does.
        counting: The places that make the match: those that nothing excuses, else all.
        severity: After exceptions and repetition.
        review: See `Match.review`.
        applies: There is a match.
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
        excused = self.excused_by and self.rule.except_.effect is Effect.SUPPRESS
        return bool(self.counting) and not self.scope and not excused

    @property
    def excused_by(self) -> tuple[str, ...]:
        reasons = (reason for place in self.counting for reason in place.excused_by)
        return tuple(dict.fromkeys(reasons))


def judge(
    pack: Pack, rule: Rule, found: Sequence[Found], spoken: Spoken, context: Context
) -> Judgement:
    """`found` is in the order in which it was said, earlier utterances first."""
    places = [
        Judged(occurrence, _excuses(rule, occurrence, found))
        for occurrence in occurrences(rule.when, rule.match, found)
        if any(each.said.now and each.span[1] > spoken.new_from for each in occurrence.everything)
    ]
    counting = [place for place in places if not place.excused_by] or places
    excused = bool(counting) and bool(counting[0].excused_by)
    severity, higher = rule.severity, None
    if excused:
        severity = _lowered(severity, rule.except_.effect)
    elif counting:
        higher = raised(rule.escalate, severity, (pack.pack, rule.id), context)
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
    here = [each for each in occurrence.found if each.said.now]
    allowed = [each for each in found if each.group == ALLOWED and each.said.now]
    return excuses(rule.except_, here, allowed) if here else ()


def _lowered(severity: Severity, effect: Effect) -> Severity:
    if effect is Effect.REVIEW:
        return Severity.LOW
    return list(Severity)[max(0, severity.rank - 1)]
