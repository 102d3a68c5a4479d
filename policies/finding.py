"""Errors of a pack: problem, place and remedy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

Location = tuple[str | int, ...]
"""Path from the top of the file: field names, and list indexes from 0."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One error inside a document.

    Attributes:
        line: Line from 1; None for the line of `where`.
    """

    where: Location
    problem: str
    remedy: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class PackError:
    """One error of one file; as text `path:line field: problem; remedy`.

    Attributes:
        line: Line from 1; None for the whole file.
        field: Path such as `policies[0].match.phrases.en[2]`; empty for the whole file.
    """

    path: str
    line: int | None
    field: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        place = self.path if self.line is None else f"{self.path}:{self.line}"
        if self.field:
            place = f"{place} {self.field}"
        return f"{place}: {self.problem}; {self.remedy}"


class PackInvalid(Exception):
    """One or several packs are refused. The message has one line for each error."""

    def __init__(self, errors: Iterable[PackError]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(map(str, self.errors)))

    def __reduce__(self) -> tuple[type[PackInvalid], tuple[tuple[PackError, ...]]]:
        """Pickle the errors; the message is made from them."""
        return PackInvalid, (self.errors,)


def field_name(where: Location) -> str:
    """Return `("policies", 0, "id")` as `policies[0].id`."""
    name = ""
    for step in where:
        if isinstance(step, int):
            name += f"[{step}]"
        else:
            plain = clip(step) if step.isidentifier() else quote(step)
            name += f".{plain}" if name else plain
    return name


def quote(value: str) -> str:
    """Return a value of the file on one line: in quotes, escaped and clipped."""
    return repr(clip(value))


def clip(value: str, limit: int = 60) -> str:
    """Return at most `limit` code points, with an ellipsis for the rest."""
    return value if len(value) <= limit else value[: limit - 1] + "…"
