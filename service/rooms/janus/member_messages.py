"""Messages to a room's members: the notice that earshot listens, and warnings to speakers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from service.errors import StoreAway
from service.rooms.actions import CannotAct
from service.rooms.connector import RoomLost, RoomRefused
from service.rooms.janus.api import JanusRefusal
from service.rooms.janus.dependencies import StayDependencies
from service.rooms.janus.text_room import TextRoom
from service.rooms.room import Room

_RETRY_S = 1.0


class MemberMessages:
    """
    Attributes:
        problem: Reason why members could not be given the notice; empty without one.

    Args:
        text_room: TextRoom that the members read; None: the room has none.
        on_change: Called when `problem` has changed.
    """

    def __init__(
        self,
        room: Room,
        text_room: TextRoom | None,
        dependencies: StayDependencies,
        on_change: Callable[[], None],
    ) -> None:
        self._room = room
        self._text_room = text_room
        self._dependencies = dependencies
        self._on_change = on_change
        self.problem = ""

    async def warn(self, name: str, words: str) -> str:
        """Warn a speaker in the text room.

        Returns:
            How the warning reached the speaker, for the moderator.

        Raises:
            CannotAct: Nobody warned the speaker.
        """
        if self._text_room is None:
            raise CannotAct("the room has no `connector.text_room` in which earshot could warn")
        try:
            await self._text_room.announce(f"{name}: {words}")
        except JanusRefusal as error:
            raise CannotAct(f"Janus's text room refuses: {str(error)[:200]}") from error
        except (RoomLost, RoomRefused) as error:
            raise CannotAct(str(error)) from error
        return "the room's text room shows it"

    async def give_notice(self) -> None:
        """Announce the room's notice once, also across reconnections and restarts."""
        text = self._room.notice
        if self._text_room is None or not text:
            return
        notices, announced = self._dependencies.notices, self._dependencies.announced
        while True:
            try:
                if await notices.noticed(self._room.id):
                    return
                if self._room.id not in announced:
                    await self._text_room.announce(text)
                    announced.add(self._room.id)
                await notices.set_noticed(self._room.id, self._dependencies.clock())
                announced.discard(self._room.id)
                return
            except JanusRefusal as error:
                self.problem = f"members could not be told of us: {str(error)[:200]}"
                self._on_change()
                return
            except StoreAway:
                await asyncio.sleep(_RETRY_S)
