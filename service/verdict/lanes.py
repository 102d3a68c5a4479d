"""Verdict lanes: one ordered, bounded queue per room, so that rooms never wait for each other."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class RoomLanes(Generic[T]):
    """Process one item of each room at a time, in the order in which they were put.

    A lane exists while it has work, so a silent room costs nothing.

    Args:
        tasks: Owns a task for each lane that has work.
        process: Processes one item. It must not raise: an error would end all lanes.
        expendable: Tells whether an item may be dropped before any other of its lane.
        capacity: Items that may wait in one lane, besides the one in work.
    """

    def __init__(
        self,
        tasks: asyncio.TaskGroup,
        process: Callable[[T], Awaitable[None]],
        *,
        expendable: Callable[[T], bool],
        capacity: int,
    ) -> None:
        self._tasks = tasks
        self._process = process
        self._expendable = expendable
        self._capacity = capacity
        self._lanes: dict[str, deque[T]] = {}

    def put(self, room_id: str, item: T) -> T | None:
        """Append the item to its room's lane without waiting.

        Returns:
            The item that a full lane dropped: its oldest expendable one, or else its oldest.
        """
        lane = self._lanes.get(room_id)
        if lane is None:
            lane = self._lanes[room_id] = deque([item])
            self._tasks.create_task(self._drain(room_id, lane), name=f"verdicts of {room_id}")
            return None
        dropped = self._drop_one(lane) if len(lane) >= self._capacity else None
        lane.append(item)
        return dropped

    def _drop_one(self, lane: deque[T]) -> T:
        place = next((at for at, item in enumerate(lane) if self._expendable(item)), 0)
        dropped = lane[place]
        del lane[place]
        return dropped

    async def _drain(self, room_id: str, lane: deque[T]) -> None:
        while lane:
            await self._process(lane.popleft())
        del self._lanes[room_id]
