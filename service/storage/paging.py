"""Cursors of lists that are ordered by time or by severity, descending.

A cursor has the sort keys of the last row of a page. So the next page begins where that one ended,
although rows were added or changed meanwhile.
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
_MOST_RANK = 100
"""Bound of a rank in a cursor; a database refuses numbers of any size."""


@dataclass(frozen=True, slots=True)
class Place:
    """Sort keys of a row; `rank` only in a list by severity."""

    at: datetime
    id: str
    rank: int | None = None


def cursor_of(at: datetime, id_: str, *, rank: int | None = None) -> str:
    """Return the cursor of the page after one that ends with this row."""
    micros = (at - _EPOCH) // _MICROSECOND
    order = "" if rank is None else f"{_GRAVEST} {rank} "
    return urlsafe_b64encode(f"{order}{micros} {id_}".encode()).decode().rstrip("=")


def newest_place(cursor: str) -> Place:
    """Parse a cursor of a list by time.

    Raises:
        Problem: 400, the cursor is not valid, or belongs to a list by severity.
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
    """Parse a cursor of a list by severity.

    Raises:
        Problem: 400, the cursor is not valid, or belongs to a list by time.
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
    """Return the condition for rows after the cursor, ordered by `at` and `id_`, descending.

    Raises:
        Problem: 400, the cursor is not valid, or belongs to a list by severity.
    """
    return behind(newest_place(cursor), at, id_)


def behind(place: Place, at: ColumnElement[Any], id_: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the condition for rows after the place. Its first part lets an index find the row."""
    return and_(at <= place.at, or_(at < place.at, id_ < place.id))


def _place(cursor: str) -> Place:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        text = urlsafe_b64decode(padded.encode("ascii")).decode()
        rank = None
        if text.startswith(f"{_GRAVEST} "):
            _, rank_text, text = text.split(" ", 2)
            rank = int(rank_text)
            if not 0 <= rank <= _MOST_RANK:
                raise ValueError("no severity has such a rank")
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
