"""Actions on publishers of a VideoRoom, and their confirmation by Janus.

Janus answers `success` at once. The action is confirmed by the event that Janus then sends to
everybody in the room.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Any

from service.rooms.actions import CannotAct
from service.rooms.connector import RoomLost, RoomRefused
from service.rooms.janus.api import Handle, JanusRefusal
from service.rooms.janus.lines import TrackId
from service.rooms.janus.roster import Roster
from service.rooms.janus.server import FeedId, JanusRoom

_CONFIRM_S = 5.0


class Moderation:
    """
    Attributes:
        over: True once the room has ended; set by the owner of the roster.

    Args:
        roster: Publishers in the room. Its owner keeps it up to date and then calls
            `check_confirmations`.
    """

    def __init__(self, handle: Handle, place: JanusRoom, roster: Roster) -> None:
        self._handle = handle
        self._place = place
        self._roster = roster
        self._waiting: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []
        self.over = False

    def check_confirmations(self) -> None:
        """Complete the actions that the roster confirms. Call it after each change."""
        for confirmed, waiter in self._waiting:
            if not waiter.done() and confirmed():
                waiter.set_result(None)

    async def mute(self, feeds: Collection[FeedId], *, muted: bool) -> None:
        """Mute or unmute every track of these publishers; return once Janus has told the room.

        Raises:
            CannotAct: Janus refuses, or does not confirm it.
        """
        for feed, mid in self._tracks(feeds):  # also those that the roster shows as done
            await self._ask("moderate", id=feed, mid=mid, mute=muted)
        await self._until(lambda: not self._tracks(feeds, muted=not muted))

    async def remove(self, feeds: Collection[FeedId]) -> None:
        """Remove these publishers from the room. Raises: CannotAct."""
        for feed in feeds:
            await self._ask("kick", id=feed)
        lists = (self._roster.publishers, self._roster.idle)
        await self._until(lambda: not any(feed in listed for feed in feeds for listed in lists))

    async def destroy(self) -> None:
        """End the room. Raises: CannotAct."""
        try:
            await self._ask("destroy")
        except CannotAct:
            if not self.over:  # the event may come before the answer
                raise
        await self._until(lambda: self.over)

    def _tracks(self, feeds: Collection[FeedId], *, muted: bool | None = None) -> list[TrackId]:
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

    async def _until(self, confirmed: Callable[[], bool]) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = (confirmed, waiter)
        self._waiting.append(waiting)
        self.check_confirmations()
        try:
            async with asyncio.timeout(_CONFIRM_S):
                await waiter
        except TimeoutError as error:
            raise CannotAct(
                f"Janus accepted it and did not tell the room within {_CONFIRM_S:.0f} s"
            ) from error
        finally:
            self._waiting.remove(waiting)
