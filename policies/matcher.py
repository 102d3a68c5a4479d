"""Matcher: the rules that apply to an utterance."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from policies.collector import without_collector
from policies.description import Reading, describe_match
from policies.earlier import EarlierUtterances
from policies.judging.exceptions import ALLOWED
from policies.judging.found import Found, PlacedUtterance
from policies.judging.judgement import Judgement, judge_rule
from policies.languages import load_languages
from policies.listener import Listener
from policies.match import Match, RuleStatus
from policies.normalize import normalize
from policies.pack import Pack, Rule
from policies.spoken import Context, Spoken

ROOM_STATUSES = (RuleStatus.ACTIVE, RuleStatus.SHADOW)
"""Statuses of the rules that are matched in rooms."""
TRIAL_STATUSES = (*ROOM_STATUSES, RuleStatus.DRAFT)
"""Statuses of the rules that examples, back-tests and commands match: drafts have budgets too."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Matches in one utterance.

    Attributes:
        live: Matches of active rules, the highest severity first.
        shadow: Matches of other rules, to be counted and compared. They raise no alert.
    """

    live: Sequence[Match]
    shadow: Sequence[Match]


class Matcher:
    """Packs compiled for matching. Immutable: to change the packs, make another matcher.

    Args:
        statuses: Statuses of the rules to match.
    """

    __slots__ = ("_listeners", "_most_readings", "_rules")

    def __init__(
        self, packs: Sequence[Pack], statuses: Collection[RuleStatus] = ROOM_STATUSES
    ) -> None:
        rules = [
            (pack, rule) for pack in packs for rule in pack.policies if rule.status in statuses
        ]
        rules.sort(key=lambda entry: -entry[1].severity.rank)
        self._rules: tuple[tuple[Pack, Rule], ...] = tuple(rules)
        numbered = [(number, rule) for number, (_, rule) in enumerate(rules)]
        with without_collector():
            self._listeners = {each.code: Listener(numbered, each) for each in load_languages()}
        self._most_readings = max((rule.hypotheses for _, rule in rules), default=0)

    def match(self, spoken: Spoken, context: Context) -> list[Match]:
        """Return a match for each active rule that applies, by severity, then in packs' order."""
        return list(self.verdict(spoken, context).live)

    def verdict(self, spoken: Spoken, context: Context) -> Verdict:
        """Return a match for each rule that applies, live and shadow apart."""
        matches: list[Match] = []
        judged: set[int] = set()
        for reading in self._readings(spoken):
            for number, judgement in self._judgements(reading.spoken, context, reading.number):
                if number not in judged and judgement.places:
                    judged.add(number)
                    if judgement.applies:
                        listener = self._listeners[spoken.language]
                        matches.append(describe_match(spoken, reading, judgement, listener.wanted))
        matches.sort(key=lambda match: -match.severity.rank)
        live = [match for match in matches if match.status is RuleStatus.ACTIVE]
        return Verdict(live, [match for match in matches if match.status is not RuleStatus.ACTIVE])

    def covers(self, language: str, packs: frozenset[str] | None) -> bool:
        """Return whether an active rule of these packs (None: all packs) is for the language."""
        return any(
            language in rule.languages
            and rule.status is RuleStatus.ACTIVE
            and (packs is None or pack.pack in packs)
            for pack, rule in self._rules
        )

    def judgements(self, spoken: Spoken, context: Context) -> Sequence[Judgement]:
        """Return the judgement on each rule with a phrase in the utterance."""
        return [judgement for _, judgement in self._judgements(spoken, context, 0)]

    def listener(self, code: str) -> Listener | None:
        """Return the listener for a language; None if it has no plug-in."""
        return self._listeners.get(code)

    @property
    def layers(self) -> Sequence[object]:
        """The compiled layers of all languages."""
        return [layer for each in self._listeners.values() for layer in each.layers]

    def _judgements(
        self, spoken: Spoken, context: Context, reading: int
    ) -> Iterator[tuple[int, Judgement]]:
        listener = self._listeners.get(spoken.language)
        if listener is None:
            return
        words = normalize(spoken.text, listener.language)
        hits = listener.find_phrases(words)
        if not hits:
            return
        said = PlacedUtterance(words, listener.language, spoken.times)
        found: dict[int, list[Found]] = {}
        for hit in hits:
            for number, group in listener.owners[hit.entry]:
                found.setdefault(number, []).append(Found(group, said, hit))
        earlier = EarlierUtterances(self._listeners, context)
        for number in sorted(found):
            pack, rule = self._rules[number]
            here = context.packs is None or pack.pack in context.packs
            heard = any(each.group != ALLOWED for each in found[number])
            if here and heard and reading <= rule.hypotheses:
                everything = [*earlier.find_phrases(number, rule), *found[number]]
                yield number, judge_rule(pack, rule, everything, spoken, context)

    def _readings(self, spoken: Spoken) -> Iterator[Reading]:
        """Yield the text as transcribed, then the other readings of its sound."""
        yield Reading(0, spoken)
        if spoken.new_from == 0 and spoken.text:
            others = spoken.hypotheses[: self._most_readings]
            for number, text in enumerate(others, 1):
                yield Reading(number, Spoken(text, spoken.language))
