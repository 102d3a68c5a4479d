"""Who is muted in a room because a moderator said so here."""

from __future__ import annotations

from collections.abc import Iterable

from service.rooms.ports import MuteStore


class MutedSpeakers:
    """Implements `Muted`: in memory for whoever hears the room, on record behind it."""

    def __init__(self, room_id: str, speaker_ids: Iterable[str], store: MuteStore) -> None:
        self._room_id = room_id
        self._ids = set(speaker_ids)
        self._store = store

    def __contains__(self, speaker_id: object) -> bool:
        return speaker_id in self._ids

    def add(self, speaker_id: str) -> None:
        self._ids.add(speaker_id)

    def discard(self, speaker_id: str) -> None:
        self._ids.discard(speaker_id)

    async def lifted(self, speaker_id: str) -> None:
        self.discard(speaker_id)
        await self._store.lifted(self._room_id, speaker_id)
