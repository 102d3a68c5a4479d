"""Time limit and progress of a measurement."""

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
    """Rows of a measurement. Each is written at once, so that a run cut short loses none."""

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
        """Whether `seconds` are left. If not, print what is not measured."""
        if self.left() >= seconds:
            return True
        self.say(f"not measured, --limit-s is used up: {what}")
        return False


def set_timeout(run: Run) -> None:
    """End the process after its time limit, even in a device call that never returns."""
    faulthandler.dump_traceback_later(max(1.0, run.left()) + _GRACE_S, exit=True)


def cancel_timeout() -> None:
    faulthandler.cancel_dump_traceback_later()
