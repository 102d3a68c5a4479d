"""Benign speech in a folder, and how often packs are wrong on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from policies.backtest import Name, Replay, name
from policies.language import Language
from policies.match import Match
from policies.matcher import Matcher
from policies.pack import Pack
from policies.severity import Severity
from policies.stored import Stored, read_file


@dataclass(frozen=True, slots=True)
class FalseAlarm:
    """A match on speech that is benign."""

    stored: Stored
    match: Match


@dataclass(frozen=True, slots=True)
class Benign:
    """What packs made of benign speech in one language.

    Attributes:
        hours: Of speech.
    """

    language: Language
    hours: float
    alarms: Sequence[FalseAlarm]

    def rate(self, least: Severity = Severity.LOW) -> float:
        """False alarms an hour that are at least so grave."""
        found = sum(alarm.match.severity.rank >= least.rank for alarm in self.alarms)
        return found / self.hours if self.hours else 0.0

    def by_rule(self) -> Counter[Name]:
        return Counter(name(alarm.match) for alarm in self.alarms)


@dataclass(frozen=True, slots=True)
class OverBudget:
    """A rule that is wrong more often than it may be."""

    pack: str
    rule_id: str
    language: Language
    rate: float
    budget: float

    def __str__(self) -> str:
        return (
            f"{self.pack}/{self.rule_id}: {self.rate:.2f} false alarms an hour on benign speech in "
            f"'{self.language}', more than its budget of {self.budget:g}; narrow the rule, or "
            "raise budget_fa_per_hour"
        )


def read_corpus(folder: Path) -> dict[Language, list[Stored]]:
    """All `.jsonl` files of a folder, by language.

    Raises:
        StoredInvalid: With file and line.
    """
    said: dict[Language, list[Stored]] = {}
    for path in sorted(folder.glob("*.jsonl")):
        for stored in read_file(path):
            if stored.language in list(Language):
                said.setdefault(Language(stored.language), []).append(stored)
    return said


def measure(matcher: Matcher, language: Language, said: Iterable[Stored]) -> Benign:
    """Every match is a false alarm, within a cool-down too."""
    replay, alarms, seconds = Replay(matcher), [], 0.0
    for stored in said:
        seconds += stored.seconds
        alarms += [FalseAlarm(stored, match) for match in replay.hear(stored).hits]
    return Benign(language, seconds / 3600, alarms)


def over_budget(packs: Sequence[Pack], measured: Iterable[Benign]) -> Iterator[OverBudget]:
    """Rules whose rate on the measured speech is above what they allow themselves."""
    for benign in measured:
        counted = benign.by_rule()
        for pack in packs:
            for rule in pack.policies:
                rate = counted[pack.pack, rule.id] / benign.hours if benign.hours else 0.0
                budget = rule.budget_fa_per_hour
                if budget is not None and rate > budget:
                    yield OverBudget(pack.pack, rule.id, benign.language, rate, budget)
