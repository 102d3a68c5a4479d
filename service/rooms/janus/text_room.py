"""A Janus TextRoom, in which a VideoRoom's members read announcements."""

from __future__ import annotations

from typing import Any

from service.rooms.connector import RoomRefused
from service.rooms.janus.api import Handle, JanusRefusal, JanusSession
from service.rooms.janus.server import JanusRoom

_PLUGIN = "janus.plugin.textroom"


class TextRoom:
    """Writes announcements, which need the TextRoom's secret and no peer connection."""

    def __init__(self, session: JanusSession, place: JanusRoom) -> None:
        self._session = session
        self._place = place
        self._handle: Handle | None = None

    async def announce(self, text: str) -> None:
        """Write into the room. Raises: JanusRefusal; RoomLost where the connection is gone."""
        if self._handle is None:
            try:
                self._handle = await self._session.attach(_PLUGIN, lambda kind, data, sdp: None)
            except RoomRefused as error:  # no such plugin: the room can be heard without it
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
