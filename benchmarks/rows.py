"""Rows that `earshot bench` prints, and writes with `--json`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement.

    Attributes:
        bar: Greatest value allowed; with `least`, the smallest.
        peer: Program that the value is compared with.
        ratio: Value divided by the peer's.
    """

    name: str
    value: float
    unit: str
    bar: float | None = None
    least: bool = False
    peer: str | None = None
    ratio: float | None = None

    @property
    def holds(self) -> bool | None:
        if self.bar is None:
            return None
        return self.value >= self.bar if self.least else self.value <= self.bar


def finish(rows: Sequence[Row], json_file: Path | None) -> int:
    """Print the rows and write them. Returns: 0 if every bar holds, else 1."""
    click.echo("\n| measured | value | bar | holds |\n| --- | ---: | ---: | --- |")
    for row in rows:
        sign = ">=" if row.least else "<="
        bar = "" if row.bar is None else f"{sign} {row.bar:g} {row.unit}".strip()
        holds = "" if row.holds is None else "yes" if row.holds else "NO"
        beside = f" ({row.ratio:g} x {row.peer})" if row.peer and row.ratio is not None else ""
        click.echo(f"| {row.name} | {row.value:g} {row.unit}{beside} | {bar} | {holds} |")
    if json_file is not None:
        write_rows(rows, json_file)
    return 0 if all(row.holds is not False for row in rows) else 1


def write_rows(rows: Sequence[Row], json_file: Path) -> None:
    json_file.write_text(json.dumps([_as_json(row) for row in rows], indent=1) + "\n")


def _as_json(row: Row) -> dict[str, object]:
    names = ("name", "value", "unit", "bar", "holds", "peer", "ratio")
    return {name: getattr(row, name) for name in names}
