"""False alarms of packs on a folder of benign speech."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from policies.backtest import Name, Replay, rule_name
from policies.languages import CODES
from policies.match import Match
from policies.matcher import Matcher
from policies.pack import Pack
from policies.severity import Severity
from policies.stored import Stored, read_stored


@dataclass(frozen=True, slots=True)
class FalseAlarm:
    """A match on speech that is benign."""

    stored: Stored
    match: Match


@dataclass(frozen=True, slots=True)
class Benign:
    """False alarms on benign speech in one language.

    Attributes:
        language: Code of the language.
        hours: Hours of speech.
    """

    language: str
    hours: float
    alarms: Sequence[FalseAlarm]

    def rate(self, least: Severity = Severity.LOW) -> float:
        """Return false alarms an hour of a severity of `least` or more."""
        found = sum(alarm.match.severity.rank >= least.rank for alarm in self.alarms)
        return found / self.hours if self.hours else 0.0

    def by_rule(self) -> Counter[Name]:
        """Count the false alarms of each rule."""
        return Counter(rule_name(alarm.match) for alarm in self.alarms)


@dataclass(frozen=True, slots=True)
class OverBudget:
    """A rule with more false alarms than its budget."""

    pack: str
    rule_id: str
    language: str
    rate: float
    budget: float

    def __str__(self) -> str:
        return (
            f"{self.pack}/{self.rule_id}: {self.rate:.2f} false alarms an hour on benign speech in "
            f"'{self.language}', more than its budget of {self.budget:g}; narrow the rule, or "
            "raise budget_fa_per_hour"
        )


def read_corpus(folder: Path) -> dict[str, list[Stored]]:
    """Read all `.jsonl` files of a folder, by language; languages without a plug-in are left out.

    Raises:
        StoredInvalid: With file and line.
    """
    said: dict[str, list[Stored]] = {}
    for path in sorted(folder.glob("*.jsonl")):
        for stored in read_stored(path):
            if stored.language in CODES:
                said.setdefault(stored.language, []).append(stored)
    return said


def measure_false_alarms(matcher: Matcher, language: str, said: Iterable[Stored]) -> Benign:
    """Count every match on benign speech as a false alarm, also within a cool-down."""
    replay, alarms, seconds = Replay(matcher), [], 0.0
    for stored in said:
        seconds += stored.seconds
        alarms += [FalseAlarm(stored, match) for match in replay.match_utterance(stored).hits]
    return Benign(language, seconds / 3600, alarms)


def find_over_budget(packs: Sequence[Pack], measured: Iterable[Benign]) -> Iterator[OverBudget]:
    """Yield the rules with a higher rate on the measured speech than their budget."""
    for benign in measured:
        counted = benign.by_rule()
        for pack in packs:
            for rule in pack.policies:
                rate = counted[pack.pack, rule.id] / benign.hours if benign.hours else 0.0
                budget = rule.budget_fa_per_hour
                if budget is not None and rate > budget:
                    yield OverBudget(pack.pack, rule.id, benign.language, rate, budget)
