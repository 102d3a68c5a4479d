"""Checks of a pack before it comes into force. Slow: for a worker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from policies.collector import without_collector
from policies.corpus import OverBudget, find_over_budget, measure_false_alarms, read_corpus
from policies.finding import Finding, PackError, PackInvalid
from policies.load import Loaded, Place, Source, load_source, read_source
from policies.matcher import TRIAL_STATUSES, Matcher
from policies.pack import Pack
from policies.stored import StoredInvalid

UNMEASURED = (
    "there is no benign speech (EARSHOT_CORPUS_DIR): how often the rules are wrong is not measured"
)


@dataclass(frozen=True, slots=True)
class Budget:
    """A rule's false alarms on benign speech.

    Attributes:
        hours: Hours of benign speech in this language.
        rate: False alarms per hour.
        budget: False alarms per hour that the rule allows; None if it sets no budget.
        over: True if the rate exceeds the budget.
    """

    rule_id: str
    language: str
    hours: float
    rate: float
    budget: float | None
    over: bool


@dataclass(frozen=True, slots=True)
class Report:
    """
    Attributes:
        loaded: The pack; None if there are errors.
    """

    loaded: Loaded | None
    errors: Sequence[PackError] = ()
    warnings: Sequence[str] = ()
    budgets: Sequence[Budget] = ()


def check(source: Source, place: Place, corpus: Path | None) -> Report:
    """Return the errors of a pack, and its false alarms on benign speech."""
    try:
        loaded = load_source(source, place)
    except PackInvalid as invalid:
        return Report(None, invalid.errors)
    if corpus is None:
        return Report(loaded, warnings=(UNMEASURED,))
    with without_collector():
        return _measured(loaded, corpus)


def _measured(loaded: Loaded, corpus: Path) -> Report:
    try:
        said = read_corpus(corpus)
    except StoredInvalid as invalid:
        return Report(loaded, warnings=(f"benign speech cannot be read: {invalid}",))
    if not said:
        return Report(loaded, warnings=(UNMEASURED,))
    matcher = Matcher([loaded.pack], TRIAL_STATUSES)
    measured = [measure_false_alarms(matcher, language, talk) for language, talk in said.items()]
    over = list(find_over_budget([loaded.pack], measured))
    budgets = [
        Budget(
            rule.id,
            benign.language,
            hours=benign.hours,
            rate=_rate(benign.by_rule()[loaded.pack.pack, rule.id], benign.hours),
            budget=rule.budget_fa_per_hour,
            over=any((rule.id, benign.language) == (each.rule_id, each.language) for each in over),
        )
        for benign in measured
        for rule in loaded.pack.policies
        if benign.language in rule.languages
    ]
    errors = tuple(_over_budget(loaded, over))
    return Report(None if errors else loaded, errors, budgets=budgets)


def check_file(path: Path, corpus: Path | None) -> Report:
    """Check a file without regard to other packs."""
    try:
        source = read_source(path)
    except PackInvalid as invalid:
        return Report(None, invalid.errors)
    return check(source, Place(), corpus)


def find_clashes(files: Sequence[Loaded], others: Sequence[Pack]) -> Iterator[PackError]:
    """Yield an error for each rule of a file whose id another pack has, too.

    Args:
        others: Packs that came another way than by these files.
    """
    for file in files:
        place = Place(beside=[pack for pack in others if pack.pack != file.pack.pack])
        yield from map(file.error, place.findings(file.document.value))


def _rate(alarms: int, hours: float) -> float:
    return alarms / hours if hours else 0.0


def _over_budget(loaded: Loaded, over: Sequence[OverBudget]) -> Iterator[PackError]:
    numbers = {rule.id: number for number, rule in enumerate(loaded.pack.policies)}
    for each in over:
        problem = (
            f"{each.budget:g} is less than its {each.rate:.2f} false alarms an hour on benign "
            f"speech in '{each.language}'"
        )
        where = ("policies", numbers[each.rule_id], "budget_fa_per_hour")
        yield loaded.error(Finding(where, problem, "narrow the rule, or raise the budget"))
