"""Storage ports of rooms. Every change appends its event in the same transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Protocol

from service.rooms.room import Room, RoomState, Speaker
from service.rooms.room_change import RoomChange


class RoomStore(Protocol):
    async def add(self, room: Room, sealed: str | None = None) -> None:
        """Store a new room, or one that ended and is opened again; append `room.joined`.

        Args:
            sealed: Sealed secrets of the room's connector.
        """
        ...

    async def sealed(self, room_id: str) -> str | None: ...

    async def get(self, room_id: str) -> Room | None: ...

    async def page(
        self,
        states: Collection[RoomState] = (),
        *,
        limit: int,
        cursor: str | None = None,
        scope: Collection[str] = (),
    ) -> tuple[Sequence[Room], str | None]:
        """Return rooms by `joined_at`, newest first, and the cursor of the next page.

        Args:
            states: States of the rooms to return; empty: all.
            scope: Ids and globs of the rooms to return; empty: all.

        Raises:
            Problem: 400 where the cursor is not one of ours.
        """
        ...

    async def listening(self) -> Sequence[Room]:
        """Return every room that has not ended."""
        ...

    async def opened_with(self, room_id: str) -> RoomChange | None:
        """Return the description with which the room was opened; None where it is not on record."""
        ...

    async def change(self, room_id: str, change: Callable[[Room], Room]) -> tuple[Room, Room]:
        """Change the room's description; append `room.state` where that changes anything.

        A change of `listening` means that its members are to be given the notice again.

        Args:
            change: Makes the changed room from the room on record.

        Returns:
            The room before and after the change.

        Raises:
            Problem: 404 where there is no such room; the problems of `change`.
        """
        ...

    async def set_state(self, room_id: str, state: RoomState, reason: str) -> Room:
        """Set the room's state; append `room.state`, or `room.left` where it is ENDED.

        A room that is heard and not listened to is PAUSED, whatever its session says.

        The publish tokens of a room that ends admit nobody any more.
        """
        ...

    async def speaker_joined(self, speaker: Speaker, now: datetime) -> None: ...

    async def speaker_returned(self, speaker: Speaker, reason: str, now: datetime) -> None:
        """Record that a live speaker left for `reason` and came again; `heard_until` stays."""
        ...

    async def speaker_left(self, speaker: Speaker, reason: str, now: datetime) -> None: ...

    async def speakers(self, room_id: str, *, live_only: bool = False) -> Sequence[Speaker]: ...


class NoticeStore(Protocol):
    """Record of the rooms whose members were told that they are listened to."""

    async def noticed(self, room_id: str) -> bool: ...

    async def set_noticed(self, room_id: str, notice: str, now: datetime) -> None:
        """Record that members were given this notice, unless the room has another one by now."""
        ...


class MuteStore(Protocol):
    """Muted persons. The mute of a moderator is an action: see `service.alerts`."""

    async def muted(self, room_id: str) -> Collection[str]:
        """Return the muted persons (`RoomConnector.person`), in the room now or not."""
        ...

    async def record_room_mute(self, room_id: str, speaker_id: str) -> None:
        """Record a mute made at the room server. A person who is muted already stays so."""
        ...

    async def end_room_mute(self, room_id: str, speaker_id: str) -> bool:
        """Delete a mute made at the room server; False where there is none, or a moderator's."""
        ...

    async def lifted(self, room_id: str, speaker_id: str) -> None:
        """Record an unmute made at the room server, so that the person is not muted again."""
        ...


class TokenStore(Protocol):
    """Publish tokens, stored as hashes."""

    async def add_token(self, digest: str, speaker: Speaker, expires_at: datetime) -> None:
        """Store a token.

        Raises:
            Problem: 404 for an unknown room, 409 for one that has ended.
        """
        ...

    async def find_token(self, digest: str, now: datetime) -> Speaker | None:
        """Return the speaker whom an unexpired token admits."""
        ...

    async def revoke_tokens(self, room_id: str, speaker_id: str) -> None:
        """Revoke all tokens of the speaker, who may get new ones."""
        ...
