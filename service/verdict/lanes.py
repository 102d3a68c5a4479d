"""One ordered, bounded lane of work per room: rooms never wait for each other."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class RoomLanes(Generic[T]):
    """Works on one item of each room at a time, in the order in which they were put.

    A lane exists while it has work: a room that is silent costs nothing.

    Args:
        tasks: Owns a task for each lane that has work.
        work: Processes one item. It must not raise: an error would end all lanes.
        expendable: Whether an item may be dropped before any other of its lane.
        capacity: Items that may wait in one lane, besides the one in work.
    """

    def __init__(
        self,
        tasks: asyncio.TaskGroup,
        work: Callable[[T], Awaitable[None]],
        *,
        expendable: Callable[[T], bool],
        capacity: int,
    ) -> None:
        self._tasks = tasks
        self._work = work
        self._expendable = expendable
        self._capacity = capacity
        self._lanes: dict[str, deque[T]] = {}

    def put(self, room_id: str, item: T) -> T | None:
        """Append the item to its room's lane; never waits.

        Returns:
            The item that had to make way in a full lane: the oldest expendable one that waits,
            or the oldest of all.
        """
        lane = self._lanes.get(room_id)
        if lane is None:
            lane = self._lanes[room_id] = deque([item])
            self._tasks.create_task(self._drain(room_id, lane), name=f"verdicts of {room_id}")
            return None
        dropped = self._make_room(lane) if len(lane) >= self._capacity else None
        lane.append(item)
        return dropped

    def _make_room(self, lane: deque[T]) -> T:
        place = next((at for at, item in enumerate(lane) if self._expendable(item)), 0)
        dropped = lane[place]
        del lane[place]
        return dropped

    async def _drain(self, room_id: str, lane: deque[T]) -> None:
        while lane:
            await self._work(lane.popleft())
        del self._lanes[room_id]
