"""Ports of webhooks to the network and to storage."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from service.alerts.action import ActionOutcome, ModeratorAction
from service.feed.ports import Recorded
from service.webhooks.delivery import Answer, Delivery, Outcome
from service.webhooks.endpoint import Endpoint, Sealed
from service.webhooks.retry_schedule import Head


class Sender(Protocol):
    async def post(
        self,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        total_s: float | None = None,
        may_send: Callable[[], bool] = lambda: True,
    ) -> Answer:
        """Send once. A failure is an answer, never an exception.

        Args:
            total_s: Time for the whole call, if it is shorter than the sender's own limit.
            may_send: Called on the connection, just before the first byte. Nothing is sent if it
                returns False.
        """
        ...

    async def check(self, url: str) -> None:
        """Refuse a URL that may not be called now.

        Raises:
            Problem: 422.
        """
        ...


class ActionResults(Protocol):
    """Record of what room servers did with moderators' actions."""

    async def pending(self) -> Sequence[ModeratorAction]:
        """Return the actions that are not over, oldest first."""
        ...

    async def record_delivery(self, action_id: str, at: datetime) -> None:
        """Store that an endpoint answered 2xx: the action is delivered, not done."""
        ...

    async def record_result(
        self, action_id: str, outcome: ActionOutcome, reason: str, who: str
    ) -> ModeratorAction:
        """Store the outcome that a room server reports. Returns: the action as it is now.

        Raises:
            Problem: 404, there is no such action; 409, another outcome stands already.
        """
        ...


@dataclass(frozen=True, slots=True)
class DeliveryQueue:
    """Progress of the ordered deliveries to one endpoint, along the event log.

    Attributes:
        cursor: Id of the last event that is delivered, dead or excluded by the filter.
        until: Id of the last event of a redelivery; None for the queue that follows the log.
        reset_until: Id up to which a reset has reported expired events.
        head: Message that is delivered next.
    """

    id: str
    endpoint_id: str
    cursor: int
    until: int | None
    reset_until: int
    head: Head


@dataclass(frozen=True, slots=True)
class Waiting:
    """Backlog of an endpoint. The count stops at a bound."""

    events: int
    oldest_at: datetime | None


class WebhookStore(Protocol):
    async def add(self, sealed: Sealed) -> None:
        """Store an endpoint. Its queue starts at the end of the log."""
        ...

    async def get(self, endpoint_id: str) -> Sealed | None:
        """Return an endpoint, also a deleted one until it expires; None if there is none."""
        ...

    async def all(self) -> Sequence[Sealed]:
        """Return all endpoints but deleted ones, oldest first."""
        ...

    async def queues(self) -> Sequence[DeliveryQueue]:
        """Return the queues of enabled endpoints, oldest first."""
        ...

    async def change(self, endpoint: Endpoint) -> None:
        """Store the state and reason of an endpoint."""
        ...

    async def rotate(self, endpoint_id: str, secret: str, now: datetime) -> None:
        """Store a new secret; the current one becomes the old one."""
        ...

    async def delete(self, endpoint: Endpoint, dropped: Delivery) -> None:
        """Mark an endpoint as deleted, without its secrets, and store the record of its backlog."""
        ...

    async def write(self, queues: Sequence[DeliveryQueue], deliveries: Sequence[Delivery]) -> None:
        """Store progress and delivery attempts. Ended queues are not created again."""
        ...

    async def end_queue(self, queue_id: str) -> None: ...

    async def disable(self, endpoint_id: str, reason: str) -> None: ...

    async def waiting(self, endpoint: Endpoint) -> Waiting: ...

    async def redeliver(self, queue: DeliveryQueue) -> None:
        """Store a further queue over a range of the log."""
        ...

    async def actions_since(self, at: datetime) -> Sequence[tuple[Recorded, Collection[str]]]:
        """Return the `action.requested` events since then, oldest first.

        Each comes with the ids of the endpoints at which its delivery is over.
        """
        ...

    async def count_actions(self, endpoint: Endpoint, first: int, last: int) -> int:
        """Count the `action.requested` events of this range that the endpoint's filter has."""
        ...

    async def span(self, from_at: datetime, to_at: datetime) -> tuple[int, int] | None:
        """Return the first and last id of the events in this period; None if there are none."""
        ...

    async def delivery(self, endpoint_id: str, delivery_id: str) -> Delivery | None: ...

    async def deliveries(
        self, endpoint_id: str, outcomes: Sequence[Outcome], *, limit: int, cursor: str | None
    ) -> tuple[Sequence[tuple[Delivery, Recorded | None]], str | None]:
        """Return delivery attempts, newest first, each with its event unless that has expired.

        Raises:
            Problem: 400, the cursor is not valid.
        """
        ...

    async def expire(self, before: datetime) -> int:
        """Delete older attempts and deleted endpoints, and the attempts of expired events."""
        ...
