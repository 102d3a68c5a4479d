"""Answers of the child process. Not in `child`: that module is `__main__` in the child."""

from __future__ import annotations

from dataclasses import dataclass

from policies.finding import PackInvalid

IDLE = 11
"""Exit code of a child that had no job for a while."""
OUT_OF_MEMORY = 12
"""Exit code of a child whose job ran out of memory."""


@dataclass(frozen=True, slots=True)
class Done:
    result: object


@dataclass(frozen=True, slots=True)
class Invalid:
    """The job refused a pack."""

    error: PackInvalid


@dataclass(frozen=True, slots=True)
class Broken:
    """A bug of ours: type and source line of the error, without its text, which may quote."""

    kind: str
    place: str


Answer = Done | Invalid | Broken
