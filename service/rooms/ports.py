"""What rooms need from storage. Every change appends its event in the same transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from service.rooms.room import Room, RoomState, Speaker


class RoomStore(Protocol):
    async def add(self, room: Room, sealed: str | None = None) -> None:
        """Store a new room, or one that ended and is opened again; appends `room.joined`.

        Args:
            sealed: What of its connector nobody may read.
        """
        ...

    async def sealed(self, room_id: str) -> str | None: ...

    async def get(self, room_id: str) -> Room | None: ...

    async def page(
        self, states: Collection[RoomState] = (), *, limit: int, cursor: str | None = None
    ) -> tuple[Sequence[Room], str | None]:
        """Rooms in one of these states (empty: in any) by `joined_at`, newest first.

        Also the cursor of the next page.

        Raises:
            Problem: 400, the cursor is none of ours.
        """
        ...

    async def listening(self) -> Sequence[Room]:
        """Every room that has not ended."""
        ...

    async def set_state(self, room_id: str, state: RoomState, reason: str) -> Room:
        """Appends `room.state`, or `room.left` where the state is ENDED.

        The publish tokens of a room that ends admit nobody any more.
        """
        ...

    async def speaker_joined(self, speaker: Speaker, now: datetime) -> None: ...

    async def speaker_returned(self, speaker: Speaker, reason: str, now: datetime) -> None:
        """Who is live has left for `reason` and come again; `heard_until` stays where it is."""
        ...

    async def speaker_left(self, speaker: Speaker, reason: str, now: datetime) -> None: ...

    async def speakers(self, room_id: str, *, live_only: bool = False) -> Sequence[Speaker]: ...


class NoticeStore(Protocol):
    """Whether a room's members were told that it is listened to."""

    async def noticed(self, room_id: str) -> bool: ...

    async def set_noticed(self, room_id: str, now: datetime) -> None: ...


class MuteStore(Protocol):
    """Whom moderators muted through us. Muting itself is an action: see `service.alerts`."""

    async def muted(self, room_id: str) -> Collection[str]:
        """Persons (`service.rooms.connector.RoomConnector`), in the room now or not."""
        ...

    async def lifted(self, room_id: str, speaker_id: str) -> None:
        """Somebody unmuted the speaker at the room server: they are not muted again."""
        ...


class TokenStore(Protocol):
    """Publish tokens, kept as hashes."""

    async def add_token(self, digest: str, speaker: Speaker, expires_at: datetime) -> None:
        """Raises:
        Problem: 404 for a room that is not known, 409 for one that has ended.
        """
        ...

    async def find_token(self, digest: str, now: datetime) -> Speaker | None:
        """The speaker that an unexpired token admits."""
        ...

    async def revoke_tokens(self, room_id: str, speaker_id: str) -> None:
        """The speaker's tokens admit nobody any more; they may get others."""
        ...
