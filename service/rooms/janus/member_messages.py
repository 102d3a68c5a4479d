"""Messages to a room's members: the notice that earshot listens, and warnings to speakers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NoReturn

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
        self._changed = asyncio.Event()
        self.problem = ""

    def room_changed(self, room: Room) -> None:
        """Note the room's new notice; `keep_notice` announces it if members are to be told."""
        self._room = room
        self._changed.set()

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

    async def keep_notice(self) -> NoReturn:
        """Announce the room's notice once, also across reconnections and restarts.

        It is announced again when listening is paused or resumed.
        """
        while True:
            self._changed.clear()
            try:
                await self._give_notice()
            except JanusRefusal as error:
                self._set_problem(f"members could not be told of us: {str(error)[:200]}")
            except StoreAway:
                await asyncio.sleep(_RETRY_S)
                continue
            else:
                self._set_problem("")
            await self._changed.wait()

    async def _give_notice(self) -> None:
        room, announced = self._room, self._dependencies.announced
        if self._text_room is None or not room.notice:
            return
        if await self._dependencies.notices.noticed(room.id):
            return
        if announced.get(room.id) != room.notice:
            await self._text_room.announce(room.notice)
            announced[room.id] = room.notice
        now = self._dependencies.clock()
        await self._dependencies.notices.set_noticed(room.id, room.notice, now)
        announced.pop(room.id, None)

    def _set_problem(self, problem: str) -> None:
        if self.problem != problem:
            self.problem = problem
            self._on_change()
