"""What the child process says of a job. Not in `child`, which there is `__main__`."""

from __future__ import annotations

from dataclasses import dataclass

from policies.finding import PackInvalid

IDLE = 11
"""Exit code of a child that had no job for long."""
OUT_OF_MEMORY = 12
"""Exit code of a child whose job wanted more memory than there is."""


@dataclass(frozen=True, slots=True)
class Done:
    result: object


@dataclass(frozen=True, slots=True)
class Invalid:
    """A pack of the job is refused."""

    error: PackInvalid


@dataclass(frozen=True, slots=True)
class Broken:
    """An error of ours: its type and the line it came from, without its text, which may quote."""

    kind: str
    place: str


Answer = Done | Invalid | Broken
