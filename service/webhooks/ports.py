"""What webhooks need from the network and from storage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from service.feed.ports import Recorded
from service.webhooks.delivery import Answer, Delivery, Head, Outcome
from service.webhooks.endpoint import Endpoint, Sealed


class Sender(Protocol):
    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send once. A failure is an answer, never an exception."""
        ...

    async def check(self, url: str) -> None:
        """Raises: Problem 422, where the URL may not be called as things stand."""
        ...


@dataclass(frozen=True, slots=True)
class Lane:
    """A walk of an endpoint along the event log.

    Attributes:
        cursor: The last event it is done with.
        until: It ends with this event; None: it goes on with the log.
        told_until: Expired events up to this one have been told of by a reset.
    """

    id: str
    endpoint_id: str
    cursor: int
    until: int | None
    told_until: int
    head: Head


@dataclass(frozen=True, slots=True)
class Waiting:
    """What an endpoint has not been told yet. The count stops at a bound."""

    events: int
    oldest_at: datetime | None


class WebhookStore(Protocol):
    async def add(self, sealed: Sealed) -> None:
        """Its lane starts at the end of the log."""
        ...

    async def get(self, endpoint_id: str) -> Sealed | None:
        """A deleted one too, as long as it is remembered."""
        ...

    async def all(self) -> Sequence[Sealed]:
        """Oldest first, without deleted ones."""
        ...

    async def lanes(self) -> Sequence[Lane]:
        """Of enabled endpoints, oldest first."""
        ...

    async def change(self, endpoint: Endpoint) -> None:
        """Its state and reason."""
        ...

    async def rotate(self, endpoint_id: str, secret: str, now: datetime) -> None:
        """The secret so far becomes the old one."""
        ...

    async def delete(self, endpoint: Endpoint, dropped: Delivery) -> None:
        """It is remembered without its secrets, and that what waited for it was dropped."""
        ...

    async def write(self, lanes: Sequence[Lane], deliveries: Sequence[Delivery]) -> None:
        """How far lanes have come, and what was tried. Lanes that are no more stay so."""
        ...

    async def end_lane(self, lane_id: str) -> None: ...

    async def disable(self, endpoint_id: str, reason: str) -> None: ...

    async def waiting(self, endpoint: Endpoint) -> Waiting: ...

    async def redeliver(self, lane: Lane) -> None:
        """A second lane over a range of the log."""
        ...

    async def span(self, from_at: datetime, to_at: datetime) -> tuple[int, int] | None:
        """The first and the last event written then; None where there is none."""
        ...

    async def delivery(self, endpoint_id: str, delivery_id: str) -> Delivery | None: ...

    async def deliveries(
        self, endpoint_id: str, outcomes: Sequence[Outcome], *, limit: int, cursor: str | None
    ) -> tuple[Sequence[tuple[Delivery, Recorded | None]], str | None]:
        """Newest first, each with its event while that has not expired.

        Raises:
            Problem: 400, the cursor is none of ours.
        """
        ...

    async def expire(self, before: datetime) -> int:
        """Forget deliveries and deleted endpoints from before, and deliveries of expired events."""
        ...
