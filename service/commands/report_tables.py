"""Rule report as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from service.clock import iso
from service.rulebook.precision import Precision
from service.rulebook.rule_report import Beside, Difference, RuleFigures, RuleReport

_HEADER = (
    "rule", "version", "matches", "shadow", "excused", "review", "alerts", "undecided", "upheld",
    "dismissed", "supported", "not needed", "precision", "95 %", "matches/h",
)  # fmt: skip
_TEXT_COLUMNS = 2
_MOST_OTHERS = 3


def report_tables(report: RuleReport) -> str:
    """Return the period, a line for each rule, and what each shadow rule would change."""
    lines = [_heading(report)]
    if not report.rules:
        return "\n".join([*lines, "no rule has matched"])
    lines += _aligned([_HEADER, *map(_row, report.rules)])
    shadows = [rule for rule in report.rules if rule.difference]
    if shadows:
        lines += ["", "shadow rules, compared with the live rules:"]
        for rule in shadows:
            if rule.difference:
                lines += _shadow(rule, rule.difference)
    return "\n".join(lines)


def _heading(report: RuleReport) -> str:
    where = f", room {report.room_id}" if report.room_id else ""
    heard = (
        "" if report.hours is None else f": {report.utterances} utterances, {report.hours:.2f} h"
    )
    return f"{iso(report.since)[:16]}Z to {iso(report.until)[:16]}Z{where}{heard}"


def _row(rule: RuleFigures) -> Sequence[str]:
    counts = (
        rule.hits_live,
        rule.hits_shadow,
        rule.excused,
        rule.review,
        rule.alerts,
        rule.undecided,
        rule.upheld,
        rule.dismissed,
        rule.supported,
        rule.not_needed,
    )
    rate = "-" if rule.hits_per_hour is None else f"{rule.hits_per_hour:.2f}"
    name = f"{rule.pack}/{rule.rule_id}"
    return [name, rule.rule_version or "-", *map(str, counts), *_precision(rule.precision), rate]


def _precision(found: Precision | None) -> tuple[str, str]:
    if found is None:
        return "-", "-"
    return f"{found.value:.0%}", f"{found.low:.0%} to {found.high:.0%}"


def _shadow(rule: RuleFigures, difference: Difference) -> Iterator[str]:
    yield f"{rule.pack}/{rule.rule_id} {rule.rule_version} since {iso(difference.since)[:16]}Z"
    yield f"  only this rule      {difference.alone}"
    yield f"  also a live rule    {difference.together}{_others(difference.together_with)}"
    yield f"  only live rules     {difference.missed}{_others(difference.missed_by)}"


def _others(others: Sequence[Beside]) -> str:
    if not others:
        return ""
    shown = [f"{each.pack}/{each.rule_id} {each.utterances}" for each in others[:_MOST_OTHERS]]
    more = len(others) - len(shown)
    return f" ({', '.join(shown)}{f' and {more} more' if more else ''})"


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [
            cell.ljust(width) if column < _TEXT_COLUMNS else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
