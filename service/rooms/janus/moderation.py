"""What is done to publishers of a VideoRoom, and how Janus confirms it.

Janus answers `success` at once; what counts is what it then tells everybody in the room.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Any

from service.rooms.actions import CannotAct
from service.rooms.connector import RoomLost, RoomRefused
from service.rooms.janus.api import Handle, JanusRefusal
from service.rooms.janus.lines import Voice
from service.rooms.janus.roster import Roster
from service.rooms.janus.server import FeedId, JanusRoom

_CONFIRM_S = 5.0


class Moderation:
    """
    Attributes:
        over: The room has ended.

    Args:
        roster: Kept up to date by whoever hears Janus, who then calls `look`.
    """

    def __init__(self, handle: Handle, place: JanusRoom, roster: Roster) -> None:
        self._handle = handle
        self._place = place
        self._roster = roster
        self._waiting: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []
        self.over = False

    def look(self) -> None:
        """The roster has changed."""
        for holds, waiter in self._waiting:
            if not waiter.done() and holds():
                waiter.set_result(None)

    async def mute(self, feeds: Collection[FeedId], *, muted: bool) -> None:
        """Every sound of these publishers; returns when Janus has told the room.

        Raises:
            CannotAct: Janus refuses, or does not confirm it.
        """
        for feed, mid in self._streams(feeds):  # whatever we think they are
            await self._ask("moderate", id=feed, mid=mid, mute=muted)
        await self._until(lambda: not self._streams(feeds, muted=not muted))

    async def remove(self, feeds: Collection[FeedId]) -> None:
        """Raises: CannotAct."""
        for feed in feeds:
            await self._ask("kick", id=feed)
        here = (self._roster.publishers, self._roster.idle)
        await self._until(lambda: not any(feed in some for feed in feeds for some in here))

    async def destroy(self) -> None:
        """End the room. Raises: CannotAct."""
        try:
            await self._ask("destroy")
        except CannotAct:
            if not self.over:  # the end may come before the answer
                raise
        await self._until(lambda: self.over)

    def _streams(self, feeds: Collection[FeedId], *, muted: bool | None = None) -> list[Voice]:
        return [
            (feed, stream.mid)
            for feed in feeds
            if feed in self._roster.publishers
            for stream in self._roster.publishers[feed].streams
            if muted is None or stream.muted is muted
        ]

    async def _ask(self, request: str, **fields: Any) -> None:
        body = {"request": request, "room": self._place.room, **fields}
        if self._place.secret:
            body["secret"] = self._place.secret
        try:
            await self._handle.ask(body)
        except JanusRefusal as error:
            if error.unauthorised:
                raise CannotAct(
                    "Janus refuses: the room's secret is wrong or missing; give it in "
                    "`connector.secret` or EARSHOT_JANUS_ROOM_SECRET"
                ) from error
            raise CannotAct(f"Janus refuses: {str(error)[:200]}") from error
        except (RoomLost, RoomRefused) as error:
            raise CannotAct(str(error)) from error

    async def _until(self, holds: Callable[[], bool]) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = (holds, waiter)
        self._waiting.append(waiting)
        self.look()
        try:
            async with asyncio.timeout(_CONFIRM_S):
                await waiter
        except TimeoutError as error:
            raise CannotAct(
                f"Janus took it and did not tell the room within {_CONFIRM_S:.0f} s"
            ) from error
        finally:
            self._waiting.remove(waiting)
