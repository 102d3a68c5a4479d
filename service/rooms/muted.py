"""Persons who are muted: by moderators through us, or by the room server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from service.errors import StoreAway
from service.rooms.ports import MuteStore

_RETRY_S = 1.0


class MutedSpeakers:
    """Muted persons of one room, in memory and on record. Implements `Muted`.

    A mute by a moderator outlasts a departure. A mute by the room server ends with it.
    """

    def __init__(self, room_id: str, persons: Iterable[str], store: MuteStore) -> None:
        self._room_id = room_id
        self._ids = set(persons)
        self._store = store

    def __contains__(self, person: object) -> bool:
        return person in self._ids

    def add(self, person: str) -> None:
        self._ids.add(person)

    def discard(self, person: str) -> None:
        self._ids.discard(person)

    async def muted_by_room(self, person: str) -> None:
        """Record a mute made at the room server.

        Raises:
            StoreAway: The mute is not on record, but the person is not heard.
        """
        self.add(person)
        await self._store.record_room_mute(self._room_id, person)

    async def left_room(self, person: str) -> bool:
        """Forget the room server's own mute of a person who left; False where there is none."""
        if person not in self._ids or not await self._store.end_room_mute(self._room_id, person):
            return False
        self.discard(person)
        return True

    async def lifted(self, person: str) -> None:
        self.discard(person)
        while True:
            try:
                return await self._store.lifted(self._room_id, person)
            except StoreAway:
                await asyncio.sleep(_RETRY_S)
