"""Report of a back-test as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from policies.backtest import Change, Kind, Report
from policies.match import Match

_HEADER = ("rule", "before", "/h", "after", "/h", "new", "gone", "changed")
_LONGEST_TEXT = 100
_LONG_AGO_S = 1e9
"""September 2001; no recording lasts that long."""


def rules_table(report: Report) -> str:
    """Return the alerts of each rule before and after, with their rates per hour of speech."""
    rows = [list(_HEADER)]
    for (pack, rule_id), counts in sorted(report.rules.items()):
        rows.append(
            [
                f"{pack}/{rule_id}",
                str(counts.alerts_before),
                f"{report.rate(counts.alerts_before):.2f}",
                str(counts.alerts_after),
                f"{report.rate(counts.alerts_after):.2f}",
                str(counts.new),
                str(counts.gone),
                str(counts.changed),
            ]
        )
    heading = f"{report.utterances} utterances, {report.hours:.2f} h of speech"
    return "\n".join([heading, *_aligned(rows)])


def changes_table(report: Report, most: int) -> str:
    """Return the first changes, one a line: kind, rule, room and time, reason."""
    total = sum(each.new + each.gone + each.changed for each in report.rules.values())
    lines = [f"{total} alerts differ"]
    lines += [_line(change) for change in report.changes[:most]]
    if total > most:
        lines.append(f"... and {total - most} more")
    return "\n".join(lines)


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        first, *others = row
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        yield "  ".join([first.ljust(widths[0]), *cells])


def _line(change: Change) -> str:
    pack, rule_id = change.name
    stored = change.stored
    where = f"{stored.room_id or '-'} at {_moment(stored.at_s)}"
    if stored.id:
        where += f" ({stored.id})"
    if change.kind is Kind.CHANGED and change.before and change.after:
        why = f"{change.before.severity} -> {change.after.severity}: {_clipped(change.after)}"
    else:
        why = _clipped(change.after or change.before)
    return f"{change.kind:<7}  {pack}/{rule_id}  {where}  {why}"


def _moment(at_s: float) -> str:
    """Return a date if the seconds are a clock's, else the seconds of a recording."""
    if at_s < _LONG_AGO_S:
        return f"{at_s:.1f} s"
    return datetime.fromtimestamp(at_s, UTC).isoformat(sep=" ", timespec="seconds")[:-6]


def _clipped(match: Match | None) -> str:
    text = match.explanation if match else ""
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"
