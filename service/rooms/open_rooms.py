"""Rooms that are listened to, and the tasks that keep them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import structlog

from service.errors import Problem
from service.metrics import Metrics
from service.rooms.connector import Audience, RoomConnector
from service.rooms.keeper import Keeper
from service.rooms.muted import MutedSpeakers
from service.rooms.ports import RoomStore
from service.rooms.room import Room, RoomState

log = structlog.get_logger()

_END_S = 30.0
"""Longest wait for a room that is ending: twice the longest wait for its last words."""


@dataclass(frozen=True, slots=True)
class OpenRoom:
    """A room with its keeper and the parts that the keeper was made of."""

    room: Room
    secrets: Mapping[str, str]
    muted: MutedSpeakers
    keeper: Keeper
    task: asyncio.Task[None]


class OpenRooms:
    """Open rooms by id, each with a task that runs its keeper.

    Args:
        connectors: One connector for each kind of room.
    """

    def __init__(
        self,
        connectors: Sequence[RoomConnector],
        audience: Audience,
        store: RoomStore,
        *,
        metrics: Metrics,
    ) -> None:
        self._connectors = {connector.kind: connector for connector in connectors}
        self._audience = audience
        self._store = store
        self._metrics = metrics
        self._tasks: asyncio.TaskGroup | None = None
        self._rooms: dict[str, OpenRoom] = {}
        for state in RoomState:
            if state is not RoomState.ENDED:
                metrics.rooms.labels(state).set_function(partial(self._count, state))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Own the tasks of the rooms; end with them."""
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                yield
        finally:
            self._tasks = None

    def get(self, room_id: str) -> OpenRoom | None:
        """Return the open room; None where the room is not listened to."""
        return self._rooms.get(room_id)

    def rooms(self) -> Sequence[Room]:
        """Return the open rooms, each as it was when its keeper started."""
        return [opened.room for opened in self._rooms.values()]

    def ending(self, room_id: str) -> bool:
        """Whether the room has ended and its last words are being put on record."""
        return room_id in self._rooms and self._rooms[room_id].keeper.ending

    def retry(self, room_id: str) -> None:
        """Join the room at once if it is not heard: something has changed at its room server."""
        if room_id in self._rooms:
            self._rooms[room_id].keeper.retry()

    def start_keeper(self, room: Room, secrets: Mapping[str, str], muted: MutedSpeakers) -> None:
        """Keep the room from now on.

        Args:
            secrets: Secret fields of its connector.

        Raises:
            Problem: 503 while stopping.
        """
        self.check_running()
        assert self._tasks is not None
        connector = self.connector_of(room)
        keeper = Keeper(
            room,
            lambda: connector.enter(keeper.room, secrets, muted),
            muted,
            opens_as=connector.opens_as,
            audience=self._audience,
            store=self._store,
            metrics=self._metrics,
        )
        task = self._tasks.create_task(self._run_keeper(room.id, keeper), name=f"room {room.id}")
        self._rooms[room.id] = OpenRoom(room, secrets, muted, keeper, task)

    def change(self, room: Room) -> None:
        """Give an open room its new description; do nothing where it has ended."""
        if room.id in self._rooms:
            self._rooms[room.id] = replace(self._rooms[room.id], room=room)
            self._rooms[room.id].keeper.change(room)

    async def stop_keeper(self, room_id: str) -> OpenRoom | None:
        """Keep the room no more; return it as it was."""
        opened = self._rooms.pop(room_id, None)
        if opened is not None:
            opened.task.cancel()
            await asyncio.wait([opened.task])
        return opened

    async def wait_while_ending(self, room_id: str) -> None:
        """Wait while a room is ending, so that it can be opened again.

        Raises:
            Problem: 503 where it takes too long.
        """
        if self.ending(room_id):
            await asyncio.wait([self._rooms[room_id].task], timeout=_END_S)
            if self.ending(room_id):
                raise Problem(
                    503, "Still ending", f"room {room_id!r} is ending; try again in a moment"
                )

    def spawn(self, work: Callable[[], Awaitable[object]], name: str) -> asyncio.Task[None]:
        """Run work that concerns rooms as a task beside the keepers.

        Raises:
            Problem: 503 while stopping.
        """
        self.check_running()
        assert self._tasks is not None
        return self._tasks.create_task(self._guarded(work, name), name=name)

    def check_running(self) -> None:
        """Check that keepers can be started.

        Raises:
            Problem: 503 while stopping.
        """
        if self._tasks is None:
            raise Problem(503, "Stopping", "the server is stopping; try again in a moment")

    def has_connector(self, room: Room) -> bool:
        """Return whether the room's kind of connector is known."""
        return str(room.connector.get("kind")) in self._connectors

    def connector(self, connector: Mapping[str, Any]) -> RoomConnector:
        """Return the connector of a description.

        Raises:
            Problem: 422 for an unknown kind.
        """
        kind = str(connector.get("kind"))
        if kind not in self._connectors:
            known = ", ".join(sorted(self._connectors))
            raise Problem(
                422, "Unknown connector", f"no connector is of kind {kind!r}; known: {known}"
            )
        return self._connectors[kind]

    def connector_of(self, room: Room) -> RoomConnector:
        """Return the connector of an open room."""
        return self._connectors[str(room.connector["kind"])]

    async def _run_keeper(self, room_id: str, keeper: Keeper) -> None:
        await self._guarded(keeper.run, f"room {room_id}")
        if room_id in self._rooms and self._rooms[room_id].keeper is keeper:
            del self._rooms[room_id]

    async def _guarded(self, work: Callable[[], Awaitable[object]], name: str) -> None:
        """Do work whose failure must stop no other task."""
        try:
            await work()
        except Exception:
            self._metrics.failures.labels("room").inc()
            log.exception("room.task_failed", task=name)

    def _count(self, state: RoomState) -> int:
        return Counter(opened.keeper.state for opened in self._rooms.values())[state]
