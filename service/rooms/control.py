"""Ports through which the front reaches the rooms, in whichever process they are heard."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from service.rooms.actions import Carrier, ImpossibleAction, RoomAction
from service.rooms.room import Room, Speaker, SpeakerLevels, UnmatchedLanguage
from service.rooms.room_change import RoomChange

LevelsDisplay = Callable[[SpeakerLevels, datetime], None]
"""Receiver of the levels that the live meters show; returns at once. From ingest to front."""

ActionRoute = Callable[[str], Awaitable[bool]]
"""Whether an enabled webhook carries this room's `action.requested` to its room server."""


class RoomControl(Protocol):
    """Opens, shows and closes rooms: `service.rooms.supervisor.Supervisor`."""

    async def open(
        self,
        room_id: str,
        *,
        title: str,
        connector: Mapping[str, Any],
        secrets: Mapping[str, str],
        languages: Sequence[str],
        policies: Sequence[str],
        tags: Sequence[str] = (),
    ) -> tuple[Room, bool]:
        """Begin to listen; return the room, and whether it is new.

        A room that was changed since is the same under both descriptions: the one with which it was
        opened, and the present one. Neither undoes the change.

        Raises:
            Problem: 409 where the id belongs to a room with another description, 422 for an unknown
                kind of connector, 503 while stopping.
        """
        ...

    async def change(self, room_id: str, change: RoomChange) -> tuple[Room, Room]:
        """Change a room while it is listened to; return it as it was and as it is.

        Raises:
            Problem: 404 where no room has the id, 409 where it has ended.
        """
        ...

    async def close(self, room_id: str, reason: str = "closed by request") -> None:
        """Stop listening.

        Raises:
            Problem: 404 where the room is not listened to.
        """
        ...

    async def find(self, room_id: str) -> Room:
        """Return the room.

        Raises:
            Problem: 404 where no room has the id.
        """
        ...

    async def dismiss(self, room_id: str, speaker_id: str, reason: str) -> bool:
        """Stop hearing one speaker; False where they are not heard."""
        ...

    async def record_mute(self, room_id: str, speaker_id: str, *, muted: bool) -> bool:
        """Record that the room server muted or unmuted a speaker; False where it cannot say so."""
        ...

    async def record_departure(self, room_id: str, speaker_id: str) -> bool:
        """Forget the room server's mute of a speaker who left; False where there is none."""
        ...


class ActionControl(Protocol):
    """Says how an action can be carried out: `service.rooms.room_actions.RoomActions`."""

    async def carriers(self, room_id: str) -> Mapping[RoomAction, Carrier | ImpossibleAction]:
        """Return who carries out each action in the room, or why it is not possible now."""
        ...

    def person(self, room_id: str, speaker_id: str) -> str:
        """Return the person who is heard under this id; actions concern persons."""
        ...


class LiveSpeakers(Protocol):
    """Speakers who are heard now, with their levels: `service.rooms.ears.Ears`."""

    def speakers(self, room_id: str) -> Sequence[Speaker]: ...

    def levels(self, room_id: str) -> SpeakerLevels: ...

    async def speaker_changed(self, speaker: Speaker) -> bool:
        """Record the speaker's new name, role or mute; False where they are not heard."""
        ...


class RuleCoverage(Protocol):
    """Languages without rules: `service.verdict.unmatched_languages.UnmatchedLanguages`."""

    def unmatched_languages(self, room: Room) -> Sequence[UnmatchedLanguage]:
        """Return the languages spoken in the room that none of its rules is for, latest first."""
        ...


@dataclass(frozen=True, slots=True)
class Published:
    """A new WHIP session.

    Attributes:
        id: Last part of the session's `Location`.
        etag: ETag of the ICE session.
        sdp: SDP answer.
    """

    id: str
    etag: str
    sdp: str


class WhipPublishing(Protocol):
    """Signalling of WHIP sessions: `service.rooms.whip.WhipConnector`.

    `speaker` is always the one whom the publish token admits, in the room that the token names.
    """

    @property
    def kind(self) -> str:
        """Connector kind of the rooms that can be published into."""
        ...

    async def publish(self, speaker: Speaker, offer: str, token: str) -> Published:
        """Answer an SDP offer.

        Args:
            token: Digest of the publish token.

        Raises:
            Problem: With a status of RFC 9725; no peer is left behind.
        """
        ...

    def publisher(self, room_id: str, session_id: str, token: str) -> Speaker | None:
        """Return the speaker of a session that began with this token, expired by now or not.

        Args:
            token: Digest of the publish token.
        """
        ...

    async def trickle(
        self, speaker: Speaker, session_id: str, fragment: str, if_match: str | None
    ) -> None:
        """Add trickled candidates from an SDP fragment.

        Raises:
            Problem: 400, 403, 404, 412, 422 or 428.
        """
        ...

    async def end_session(self, speaker: Speaker, session_id: str) -> None:
        """End a session at its publisher's request.

        Raises:
            Problem: 403 or 404.
        """
        ...
