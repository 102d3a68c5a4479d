"""Wall time. Pure code takes `now` as an argument; only the shell around it reads a clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, PlainSerializer, WithJsonSchema

Clock = Callable[[], datetime]
"""Function that returns the current time, in UTC."""


def utc_now() -> datetime:
    return datetime.now(UTC)


def iso(moment: datetime) -> str:
    """Return ISO 8601 in UTC with milliseconds, the form of every time in our JSON."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("lies outside of the years 1 to 9999") from None


Moment = Annotated[AwareDatetime, AfterValidator(_utc)]
"""Time in a request, in UTC."""

Timestamp = Annotated[
    datetime,
    PlainSerializer(iso, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]
"""UTC time, which JSON shows in the form of `iso`."""
