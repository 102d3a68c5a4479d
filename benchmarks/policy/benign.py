"""False alarms of the shipped packs on ordinary talk, each listed with its rule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import click

from benchmarks.policy.recall import language_name
from benchmarks.rows import Row
from policies.corpus import Benign, find_over_budget, measure_false_alarms
from policies.matcher import Matcher
from policies.pack import Pack
from policies.severity import Severity
from policies.stored import Stored

HIGH_BAR, ANY_BAR = 0.5, 2.0


def benign(packs: Sequence[Pack], said: Mapping[str, Sequence[Stored]]) -> Iterator[Row]:
    """Measure packs on talk by language."""
    matcher = Matcher(packs)
    measured = [measure_false_alarms(matcher, language, talk) for language, talk in said.items()]
    for each in measured:
        name = f"{language_name(each.language)}, {each.hours:.1f} h of benign speech"
        high = round(each.rate(Severity.HIGH), 3)
        yield Row(f"{name}: false alarms, high and above", high, "/h", HIGH_BAR)
        yield Row(f"{name}: false alarms, any", round(each.rate(), 3), "/h", ANY_BAR)
        _list(each)
    over = list(find_over_budget(packs, measured))
    for rule in over:
        click.echo(str(rule))
    yield Row("rules over their own budget", len(over), "", 0)


def _list(measured: Benign) -> None:
    click.echo(f"\nfalse alarms on benign speech in '{measured.language}':")
    for alarm in measured.alarms:
        match = alarm.match
        click.echo(f"  {match.severity:<8} {match.pack}/{match.rule_id}: {match.explanation}")
    if not measured.alarms:
        click.echo("  none")
