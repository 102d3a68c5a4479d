"""Ports through which the front reaches the rooms, whichever process hears them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from service.rooms.actions import RoomAction
from service.rooms.room import Room, Speaker, SpeakerLevels, UnmatchedLanguage

LevelsDisplay = Callable[[SpeakerLevels, datetime], None]
"""Takes what the live meters show now; returns at once. From ingest to front."""

ActionRoute = Callable[[str], bool]
"""Whether some webhook carries `action.requested` of this room to its room server."""


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
    ) -> tuple[Room, bool]:
        """Begin to listen; the room, and whether it is new.

        Raises:
            Problem: 409 where the id belongs to a room described otherwise, 422 for an unknown
                kind of connector, 503 while stopping.
        """
        ...

    async def close(self, room_id: str, reason: str = "closed by request") -> None:
        """Stop listening.

        Raises:
            Problem: 404 where it is not listened to.
        """
        ...

    async def find(self, room_id: str) -> Room:
        """Raises: Problem 404."""
        ...

    async def dismiss(self, room_id: str, speaker_id: str, reason: str) -> bool:
        """Stop listening to one speaker; False where they are not heard."""
        ...

    def possible(self, room_id: str) -> Collection[RoomAction]:
        """What can be done in the room; nothing where it is not listened to."""
        ...

    def person(self, room_id: str, speaker_id: str) -> str:
        """Who it is that is heard under this id: whom actions are about."""
        ...


class LiveSpeakers(Protocol):
    """Who is heard now, and how loud: `service.rooms.ears.Ears`."""

    def speakers(self, room_id: str) -> Sequence[Speaker]: ...

    def levels(self, room_id: str) -> SpeakerLevels: ...

    async def speaker_changed(self, speaker: Speaker) -> bool:
        """Their name, role or mute is another now; False where they are not heard."""
        ...


class RuleCoverage(Protocol):
    """Languages without rules: `service.verdict.unmatched_languages.UnmatchedLanguages`."""

    def unmatched_languages(self, room: Room) -> Sequence[UnmatchedLanguage]:
        """Return the languages spoken in the room that none of its rules is for, latest first."""
        ...


@dataclass(frozen=True, slots=True)
class Published:
    """A WHIP session that was begun.

    Attributes:
        id: Last part of its `Location`.
        sdp: The answer.
    """

    id: str
    etag: str
    sdp: str


class WhipPublishing(Protocol):
    """Signalling of WHIP sessions: `service.rooms.whip.WhipConnector`.

    `speaker` is always the one whom the publish token admits, into the room that it names.
    """

    @property
    def kind(self) -> str:
        """Of the rooms that can be published into."""
        ...

    async def publish(self, speaker: Speaker, offer: str) -> Published:
        """Answer an SDP offer.

        Raises:
            Problem: As RFC 9725 says; no peer is left behind.
        """
        ...

    async def trickle(
        self, speaker: Speaker, session_id: str, fragment: str, if_match: str | None
    ) -> None:
        """Take trickled candidates from an SDP fragment.

        Raises:
            Problem: 400, 403, 404, 412, 422 or 428.
        """
        ...

    async def end(self, speaker: Speaker, session_id: str) -> None:
        """End a session, as its publisher asks.

        Raises:
            Problem: 403 or 404.
        """
        ...
