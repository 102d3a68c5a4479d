"""A Janus TextRoom, in which a VideoRoom's members read what they are told."""

from __future__ import annotations

from typing import Any

from service.rooms.connector import RoomRefused
from service.rooms.janus.api import Handle, JanusRefusal, JanusSession
from service.rooms.janus.server import JanusRoom

_PLUGIN = "janus.plugin.textroom"


class TextRoom:
    """Announcements need no connection of ours, only the room's secret."""

    def __init__(self, session: JanusSession, place: JanusRoom) -> None:
        self._session = session
        self._place = place
        self._handle: Handle | None = None

    async def announce(self, text: str) -> None:
        """Raises: JanusRefusal; RoomLost where the connection is gone."""
        if self._handle is None:
            try:
                self._handle = await self._session.attach(_PLUGIN, lambda kind, data, sdp: None)
            except RoomRefused as error:  # the plugin is not there: the room can be heard without
                raise JanusRefusal(0, str(error)) from error
        body: dict[str, Any] = {
            "request": "announcement",
            "textroom": "announcement",
            "transaction": "announcement",
            "room": self._place.text_room,
            "text": text,
        }
        if self._place.text_room_secret:
            body["secret"] = self._place.text_room_secret
        await self._handle.ask(body)
