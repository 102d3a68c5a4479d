"""Cursors of lists that run from the newest to the oldest."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, or_

from service.errors import Problem

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def cursor_of(at: datetime, id_: str) -> str:
    """A page that ended with this row is followed by the page at this cursor."""
    micros = (at - _EPOCH) // _MICROSECOND
    return urlsafe_b64encode(f"{micros} {id_}".encode()).decode().rstrip("=")


def older_than(cursor: str, at: ColumnElement[Any], id_: ColumnElement[Any]) -> ColumnElement[bool]:
    """The rows behind the cursor where rows are ordered by `at` and then `id_`, descending.

    Raises:
        Problem: 400, the cursor is none of ours.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        micros, last_id = urlsafe_b64decode(padded.encode("ascii")).decode().split(" ", 1)
        moment = _EPOCH + int(micros) * _MICROSECOND
    except (ValueError, OverflowError) as error:
        raise Problem(
            400,
            "Bad cursor",
            "`cursor` must be the `next_cursor` of the page before; leave it out"
            " to begin at the newest",
        ) from error
    return or_(at < moment, and_(at == moment, id_ < last_id))
