"""Persons whom moderators muted through us."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from service.errors import StoreAway
from service.rooms.ports import MuteStore

_RETRY_S = 1.0


class MutedSpeakers:
    """Muted persons of one room, in memory and on record. Implements `Muted`."""

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

    async def lifted(self, person: str) -> None:
        self.discard(person)
        while True:
            try:
                return await self._store.lifted(self._room_id, person)
            except StoreAway:
                await asyncio.sleep(_RETRY_S)
