"""Moderators' actions in open rooms: who carries them out, and their effect here."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime

from service.errors import Problem
from service.rooms.actions import CannotAct, Carrier, ImpossibleAction, Obstacle, RoomAction
from service.rooms.ports import RoomStore
from service.rooms.room import Room, RoomState
from service.rooms.supervisor import ENDED_BY_MODERATOR, Supervisor

_ENDED = (
    "The room has ended, so nothing can be done in it; if the speaker is in another room, act on an"
    " alert there."
)
_LOST = (
    "earshot is not in the room now, so it cannot act there; wait until it has joined the room"
    " again, or act at the room server."
)


class RoomActions:
    """Implements `ActionControl` for the front, and the action runner's `Rooms`."""

    def __init__(self, store: RoomStore, supervisor: Supervisor) -> None:
        self._store = store
        self._supervisor = supervisor
        self._open_rooms = supervisor.open_rooms

    @property
    def started(self) -> asyncio.Event:
        """Set once the rooms of the run before are open again."""
        return self._supervisor.started

    def person(self, room_id: str, speaker_id: str) -> str:
        """Return the person who is heard under this id; actions concern persons."""
        opened = self._open_rooms.get(room_id)
        if opened is None:
            return speaker_id
        return self._open_rooms.connector_of(opened.room).person(speaker_id)

    async def carriers(self, room_id: str) -> Mapping[RoomAction, Carrier | ImpossibleAction]:
        """Return who carries out each action in the room, or why it is not possible now."""
        room = await self._store.get(room_id)
        return {action: await self._carrier(room, action) for action in RoomAction}

    async def _carrier(self, room: Room | None, action: RoomAction) -> Carrier | ImpossibleAction:
        if room is None or room.state is RoomState.ENDED or self._open_rooms.ending(room.id):
            return ImpossibleAction(action, Obstacle.ROOM_ENDED, _ENDED)
        opened = self._open_rooms.get(room.id)
        if opened is None or opened.keeper.state is RoomState.LOST:
            return ImpossibleAction(action, Obstacle.ROOM_LOST, _LOST)
        return await self._open_rooms.connector_of(opened.room).carrier(opened.room, action)

    async def act(self, room_id: str, action: RoomAction, person: str, words: str) -> str:
        """Carry out a moderator's action; return the room server's confirmation.

        Args:
            person: Person named as by `person`.
            words: Text for a speaker who is warned.

        Raises:
            CannotAct: The action was not carried out.
        """
        opened = self._open_rooms.get(room_id)
        if opened is None:
            raise CannotAct("the room is not listened to any more")
        return await opened.keeper.act(action, person, words)

    def set_muted(self, room_id: str, person: str, *, muted: bool) -> None:
        """Mute or unmute a person from now on, in the room now or not."""
        opened = self._open_rooms.get(room_id)
        if opened is not None:
            opened.keeper.set_muted(person, muted=muted)

    async def apply_confirmed(
        self, room_id: str, action: RoomAction, person: str, requested_at: datetime
    ) -> None:
        """Do earshot's part of an action that the room server has confirmed.

        It has none in a room that was opened anew under the same id after the request.

        Raises:
            StoreAway: The end of the room could not be put on record; call it again.
        """
        opened = self._open_rooms.get(room_id)
        if opened is None or opened.room.is_newer_than(requested_at):
            return
        if action is not RoomAction.END:
            await opened.keeper.apply_confirmed(action, person)
            return
        try:
            await self._supervisor.close(
                room_id,
                ENDED_BY_MODERATOR,
                farewell=ENDED_BY_MODERATOR,
                requested_at=requested_at,
            )
        except Problem as problem:
            if problem.status != 404:  # 404: it has ended meanwhile
                raise
