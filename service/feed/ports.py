"""What the feed needs from storage."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event as the log keeps it.

    Attributes:
        id: The cursor that a reader of this event has reached; grows in commit order.
        at: When it was written.
        data: JSON-ready, as `service.feed.event.data` makes it.
    """

    id: int
    type: str
    at: datetime
    room_id: str
    data: dict[str, Any]


class EventLog(Protocol):
    """The append-only log, read by cursor: a reader at cursor N has seen everything up to id N."""

    async def read(self, after: int, limit: int) -> Sequence[Recorded]:
        """The first events with a greater id, in the order of their ids."""
        ...

    async def latest(self) -> int:
        """The id of the newest event there ever was; 0 where there was none."""
        ...

    async def pruned_until(self, types: Collection[str] = ()) -> int:
        """The highest id of the events that have expired, of these types (none given: of any).

        A reader at a smaller cursor has missed something for good.
        """
        ...

    async def wait_beyond(self, cursor: int, timeout: float) -> bool:
        """Return True once there is an event beyond the cursor, False after `timeout` seconds."""
        ...
