"""Ports of the feed to storage."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Recorded:
    """Stored event.

    Attributes:
        id: Cursor of a reader that has read this event; grows in commit order.
        at: Time of the write.
        data: JSON-ready, as `service.feed.event.data` makes it.
    """

    id: int
    type: str
    at: datetime
    room_id: str
    data: dict[str, Any]


class EventLog(Protocol):
    """Append-only log, read by cursor: a reader at cursor N has read everything up to id N."""

    async def read(self, after: int, limit: int) -> Sequence[Recorded]:
        """Return the first events with a greater id, in the order of their ids."""
        ...

    async def latest(self) -> int:
        """Return the id of the newest event ever written; 0 for none."""
        ...

    async def pruned_until(self, types: Collection[str] = ()) -> int:
        """Return the highest id of the expired events of these types (none given: of any type).

        A reader at a smaller cursor has lost events for good.
        """
        ...

    async def wait_beyond(self, cursor: int, timeout: float) -> bool:
        """Return True once there is an event beyond the cursor, False after `timeout` seconds."""
        ...
