"""Refusals of changes of policies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from policies.finding import PackError
from service.errors import Problem
from service.rulebook.version import Version


@dataclass(frozen=True, slots=True)
class ShownError:
    """
    Attributes:
        line: Line of the text, from 1; None for an error of the whole text.
        field: Path such as `policies[0].match.phrases.en[2]`; empty for an error of the whole text.
    """

    line: int | None
    field: str
    problem: str
    remedy: str


def shown_errors(errors: Sequence[PackError]) -> list[ShownError]:
    return [ShownError(each.line, each.field, each.problem, each.remedy) for each in errors]


class Refused(Problem):
    """422 with every error; the policies in force stay."""

    def __init__(self, errors: Sequence[PackError]) -> None:
        count = "1 error" if len(errors) == 1 else f"{len(errors)} errors"
        first = errors[0]
        places = (f"line {first.line}" if first.line else "", first.field)
        place = ", ".join(filter(None, places))
        super().__init__(
            422,
            "Pack refused",
            f"the pack has {count}, so what was in force stays; `errors` has them all. First: "
            f"{place}{': ' if place else 'it '}{first.problem}; {first.remedy}",
            extra={"errors": [asdict(each) for each in shown_errors(errors)]},
        )


class Stale(Problem):
    """412: another change came first."""

    def __init__(self, pack: str, live: Version | None) -> None:
        now = (
            "no such pack is in force"
            if live is None
            else f'"{live.id}" is in force, by {live.who}'
        )
        super().__init__(
            412,
            "Changed meanwhile",
            f"`If-Match` does not name what is in force of {pack!r}: {now}; read it again with "
            f"`GET /v1/policies/{pack}` and send your change of that",
        )


class NoSuchPack(Problem):
    def __init__(self, pack: str) -> None:
        detail = f"no pack {pack!r} is in force; `GET /v1/policies` lists all that are"
        super().__init__(404, "No such pack", detail)


class NoSuchVersion(Problem):
    def __init__(self, pack: str, id_: int) -> None:
        super().__init__(
            404,
            "No such version",
            f"the pack {pack!r} has no version {id_} with a text; "
            f"`GET /v1/policies/{pack}/versions` lists those it has",
        )
