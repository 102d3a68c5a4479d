"""Farewells of speakers who left the room while they could not be heard."""

from __future__ import annotations

import asyncio
from weakref import WeakValueDictionary

from service.listening.events import AudioGap
from service.listening.track_gaps import INTERRUPTED
from service.rooms.pending_records import Unwritten
from service.rooms.ports import RoomStore
from service.rooms.presence import Absentee, Presences


class Absentees:
    """Closes the gap of each absentee and puts their farewell on record."""

    def __init__(self, presences: Presences, rooms: RoomStore, unwritten: Unwritten) -> None:
        self._presences = presences
        self._rooms = rooms
        self._unwritten = unwritten
        self._arriving: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def lock(self, room_id: str) -> asyncio.Lock:
        """Return the lock to hold while a speaker of the room arrives or is given up."""
        return self._arriving.setdefault(room_id, asyncio.Lock())

    async def give_up(self, room_id: str | None = None) -> None:
        """Write the gaps and farewells of all absentees; an error in one room delays no other.

        Args:
            room_id: Room whose absentees are written; None for all rooms.

        Raises:
            Exception: The first error of the store.
        """
        errors: dict[str, Exception] = {}
        for absentee in self._presences.absentees(room_id):
            if absentee.room_id in errors:
                continue
            try:
                async with self.lock(absentee.room_id):
                    # They may have come back before the lock was free.
                    current = self._presences.absentee((absentee.room_id, absentee.speaker_id))
                    if current is not None:
                        await self._write(current)
            except Exception as error:  # noqa: BLE001 - raised below
                errors[absentee.room_id] = error
        if errors:
            raise next(iter(errors.values()))

    async def _write(self, absentee: Absentee) -> None:
        room_id, from_at, gone_at = absentee.room_id, absentee.unheard_since, absentee.gone_at
        live = await self._rooms.speakers(room_id, live_only=True)
        to_at = max(gone_at, from_at)
        self._unwritten.add_gap(AudioGap(room_id, absentee.speaker_id, from_at, to_at, INTERRUPTED))
        self._presences.remove_absentee(absentee)
        for speaker in live:
            if speaker.id == absentee.speaker_id:
                self._unwritten.add_farewell(speaker, "did not come back", gone_at)
        await self._unwritten.write(room_id)
