"""Cursors of lists that run from the newest to the oldest, or from the gravest.

A cursor names the last row of a page by what its list is ordered by, so a page begins where the
one before ended, whatever was added or changed meanwhile.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, or_

from service.errors import Problem

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_GRAVEST = "severity"


@dataclass(frozen=True, slots=True)
class Place:
    """A row in a list; `rank` only where the list runs from the gravest."""

    at: datetime
    id: str
    rank: int | None = None


def cursor_of(at: datetime, id_: str, *, rank: int | None = None) -> str:
    """A page that ended with this row is followed by the page at this cursor."""
    micros = (at - _EPOCH) // _MICROSECOND
    order = "" if rank is None else f"{_GRAVEST} {rank} "
    return urlsafe_b64encode(f"{order}{micros} {id_}".encode()).decode().rstrip("=")


def newest_place(cursor: str) -> Place:
    """Raises:
    Problem: 400, the cursor is none of ours, or of a list from the gravest.
    """
    place = _place(cursor)
    if place.rank is not None:
        raise Problem(
            400,
            "Cursor of another order",
            "this `cursor` is of a list with `order=severity`; send that with it, or leave the"
            " cursor out to begin at the newest",
        )
    return place


def gravest_place(cursor: str) -> Place:
    """Raises:
    Problem: 400, the cursor is none of ours, or of a list from the newest.
    """
    place = _place(cursor)
    if place.rank is None:
        raise Problem(
            400,
            "Cursor of another order",
            "this `cursor` is of a list with `order=newest`; send that with it, or leave the"
            " cursor out to begin at the gravest",
        )
    return place


def older_than(cursor: str, at: ColumnElement[Any], id_: ColumnElement[Any]) -> ColumnElement[bool]:
    """The rows behind the cursor where rows are ordered by `at` and then `id_`, descending.

    Raises:
        Problem: As `newest_place`.
    """
    return behind(newest_place(cursor), at, id_)


def behind(place: Place, at: ColumnElement[Any], id_: ColumnElement[Any]) -> ColumnElement[bool]:
    """As `older_than`; the first condition alone lets an index find the place."""
    return and_(at <= place.at, or_(at < place.at, id_ < place.id))


def _place(cursor: str) -> Place:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        text = urlsafe_b64decode(padded.encode("ascii")).decode()
        rank = None
        if text.startswith(f"{_GRAVEST} "):
            _, rank_text, text = text.split(" ", 2)
            rank = int(rank_text)
        micros, last_id = text.split(" ", 1)
        if not last_id.isprintable():
            raise ValueError("no row has such an id")
        return Place(_EPOCH + int(micros) * _MICROSECOND, last_id, rank)
    except (ValueError, OverflowError) as error:
        raise Problem(
            400,
            "Bad cursor",
            "`cursor` must be the `next_cursor` of the page before; leave it out"
            " to begin at the start",
        ) from error
