"""Which rooms are listened to: opens, shows, resumes and ends them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from weakref import WeakValueDictionary

import structlog

from service.clock import Clock
from service.errors import Problem
from service.rooms.connector import RoomConnector
from service.rooms.ports import RoomStore
from service.rooms.room import Room, RoomState

log = structlog.get_logger()


class Supervisor:
    """Holds one connector for each kind of room."""

    def __init__(
        self, store: RoomStore, connectors: Sequence[RoomConnector], *, clock: Clock
    ) -> None:
        self._store = store
        self._connectors = {connector.kind: connector for connector in connectors}
        self._clock = clock
        self._changing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def resume(self) -> int:
        """Listen again to every room that had not ended; how many there are.

        A room whose kind of connector is not here any more is lost, and stops no other.
        """
        resumed = 0
        for room in await self._store.listening():
            way_in = self._connectors.get(str(room.connector.get("kind")))
            if way_in is None:
                log.error("room.not_resumed", room=room.id)
                await self._store.set_state(room.id, RoomState.LOST, "no connector of its kind")
                continue
            await way_in.join(room)
            resumed += 1
        return resumed

    async def open(
        self,
        room_id: str,
        *,
        title: str,
        connector: Mapping[str, Any],
        languages: Sequence[str],
        policies: Sequence[str],
    ) -> tuple[Room, bool]:
        """Begin to listen; the room, and whether it is new. The same call again changes nothing.

        Raises:
            Problem: 409 where the id belongs to a room described otherwise, 422 for an unknown
                kind of connector.
        """
        way_in = self._connector(connector)
        wanted = Room(
            id=room_id,
            title=title,
            connector=dict(connector),
            languages=list(languages),
            policies=list(policies),
            state=RoomState.LISTENING,
            joined_at=self._clock(),
        )
        async with self._one_at_a_time(room_id):
            known = await self._store.get(room_id)
            if known is not None and known.state is not RoomState.ENDED:
                if _description(known) != _description(wanted):
                    raise Problem(
                        409,
                        "Room differs",
                        f"room {room_id!r} is listened to already, described otherwise; "
                        "DELETE it first or send the same body",
                    )
                return known, False
            await self._store.add(wanted)
            await way_in.join(wanted)
        log.info("room.opened", room=room_id, connector=way_in.kind)
        return wanted, True

    async def close(self, room_id: str) -> None:
        """Stop listening. Where that cannot be put on record, the room is open as before, without
        its speakers, and may be closed again.

        Raises:
            Problem: 404 where it is not listened to.
        """
        async with self._one_at_a_time(room_id):
            room = await self.find(room_id)
            if room.state is RoomState.ENDED:
                raise Problem(404, "No such room", f"room {room_id!r} has ended already")
            way_in = self._connectors.get(str(room.connector.get("kind")))
            if way_in is not None:
                await way_in.leave(room_id, "the room was closed")
            try:
                await self._store.set_state(room_id, RoomState.ENDED, "closed by request")
            except BaseException:
                if way_in is not None:  # on record it is still listened to: so it shall be
                    await way_in.join(room)
                raise
        log.info("room.closed", room=room_id)

    async def dismiss(self, room_id: str, speaker_id: str, reason: str) -> bool:
        """Stop listening to one speaker; False where they are not heard."""
        room = await self._store.get(room_id)
        way_in = None if room is None else self._connectors.get(str(room.connector.get("kind")))
        return way_in is not None and await way_in.dismiss(room_id, speaker_id, reason)

    def _one_at_a_time(self, room_id: str) -> asyncio.Lock:
        """A room that is slow to close holds up no other."""
        return self._changing.setdefault(room_id, asyncio.Lock())

    async def find(self, room_id: str) -> Room:
        """Raises: Problem 404."""
        room = await self._store.get(room_id)
        if room is None:
            raise Problem(404, "No such room", f"no room has the id {room_id!r}")
        return room

    def _connector(self, connector: Mapping[str, Any]) -> RoomConnector:
        kind = str(connector.get("kind"))
        if kind not in self._connectors:
            known = ", ".join(sorted(self._connectors))
            raise Problem(
                422, "Unknown connector", f"no connector is of kind {kind!r}; known: {known}"
            )
        return self._connectors[kind]


def _description(room: Room) -> tuple[object, ...]:
    return (room.title, dict(room.connector), list(room.languages), list(room.policies))
