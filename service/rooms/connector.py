"""The seam between a way into a room and the listening behind it."""

from __future__ import annotations

from typing import Protocol

from service.listening.packet import PacketSink
from service.rooms.room import Room, Speaker


class RoomListener(PacketSink, Protocol):
    """What a connector reports to: who comes and goes, and their packets."""

    async def speaker_joined(self, speaker: Speaker) -> None:
        """Must be awaited before the speaker's first packet is pushed."""
        ...

    async def speaker_left(self, speaker: Speaker, reason: str, *, cut_off: bool = False) -> None:
        """`cut_off`: they did not go by their own will, and may have talked on unheard."""
        ...


class RoomConnector(Protocol):
    """One way into rooms."""

    kind: str

    async def join(self, room: Room) -> None:
        """Begin to hear the room; nothing changes where it is heard already."""
        ...

    async def dismiss(self, room_id: str, speaker_id: str, reason: str) -> bool:
        """Let go of one speaker, who may come again; False where they are not heard."""
        ...

    async def leave(self, room_id: str, reason: str) -> None:
        """Let go of every speaker of the room; nothing is heard of it afterwards.

        Nothing changes where it is not heard.
        """
        ...
