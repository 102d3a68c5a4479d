"""How long a measurement may take, and what it tells meanwhile."""

from __future__ import annotations

import faulthandler
import time
from dataclasses import dataclass, field
from pathlib import Path

import click

from benchmarks.rows import Row, write_rows

_GRACE_S = 30


@dataclass(slots=True)
class Run:
    """Rows as they come, written at once, so that a run cut short leaves what it measured."""

    limit_s: float
    json_file: Path | None = None
    rows: list[Row] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    def keep(self, row: Row) -> None:
        self.rows.append(row)
        if self.json_file is not None:
            write_rows(self.rows, self.json_file)
        self.say(f"{row.name}: {row.value:g} {row.unit}")

    def say(self, what: str) -> None:
        click.echo(f"[{time.monotonic() - self.started:6.1f} s] {what}", err=True)

    def left(self) -> float:
        return self.started + self.limit_s - time.monotonic()

    def enough_for(self, seconds: float, what: str) -> bool:
        """Whether there is time for it; says so where there is not."""
        if self.left() >= seconds:
            return True
        self.say(f"not measured, --limit-s is used up: {what}")
        return False


def end_if_stuck(run: Run) -> None:
    """End the process where a device call never returns; the rows so far are written."""
    faulthandler.dump_traceback_later(max(1.0, run.left()) + _GRACE_S, exit=True)


def came_to_its_end() -> None:
    faulthandler.cancel_dump_traceback_later()
