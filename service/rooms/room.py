"""Rooms and speakers, and their events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from service.clock import Timestamp


class RoomState(StrEnum):
    JOINING = "joining"
    LISTENING = "listening"
    PAUSED = "paused"
    DEGRADED = "degraded"
    LOST = "lost"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Room:
    """A room that is, or was, listened to.

    Attributes:
        connector: Way into the room with its settings: `{"kind": "whip", ...}`.
        languages: ISO 639-1 codes of the languages that may be spoken; empty: the model decides.
        policies: Names of the packs that apply; empty: all that are loaded.
        reason: Reason for the room's state, for people.
        notice: Notice to the room's members that it is listened to, and by which rules, or that
            listening is paused. Empty where the operator tells them by other means.
        tags: The room server's own labels.
        listening: False while listening is paused.
        paused_at: Start of the pause; null while the room is listened to.
    """

    id: str
    title: str
    connector: Mapping[str, Any]
    languages: Sequence[str]
    policies: Sequence[str]
    state: RoomState
    joined_at: Timestamp
    reason: str = ""
    notice: str = ""
    tags: Sequence[str] = ()
    listening: bool = True
    paused_at: Timestamp | None = None

    def is_newer_than(self, requested_at: datetime | None) -> bool:
        """Return whether the room was opened, perhaps anew, after a request for it was made."""
        return requested_at is not None and self.joined_at > requested_at


def state_on_record(state: RoomState, *, listening: bool) -> RoomState:
    """Return the state to record for a room whose session is in this state."""
    heard = state in (RoomState.LISTENING, RoomState.DEGRADED)
    return RoomState.PAUSED if heard and not listening else state


@dataclass(frozen=True, slots=True)
class Speaker:
    """A person who may talk in a room.

    Attributes:
        id: Speaker id of the room server.
        muted: Whether they are muted: nobody in the room hears them, and neither do we.
    """

    room_id: str
    id: str
    name: str
    role: str = "speaker"
    muted: bool = False


@dataclass(frozen=True, slots=True)
class UnmatchedLanguage:
    """A language spoken in a room for which its packs have no active rule.

    Attributes:
        language: ISO 639-1 code.
        utterances: Utterances in it since the room was opened or the server started.
        last_at: End of the latest of them.
    """

    language: str
    utterances: int
    last_at: Timestamp


@dataclass(frozen=True, slots=True)
class RoomJoined:
    type: ClassVar[str] = "room.joined"
    room: Room


@dataclass(frozen=True, slots=True)
class RoomStateChanged:
    """The room's state or description has changed."""

    type: ClassVar[str] = "room.state"
    room: Room


@dataclass(frozen=True, slots=True)
class RoomLeft:
    type: ClassVar[str] = "room.left"
    room: Room


@dataclass(frozen=True, slots=True)
class SpeakerJoined:
    type: ClassVar[str] = "speaker.joined"
    speaker: Speaker


@dataclass(frozen=True, slots=True)
class SpeakerLeft:
    type: ClassVar[str] = "speaker.left"
    speaker: Speaker
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SpeakerMuted:
    """The room does not hear the speaker any more, and neither do we."""

    type: ClassVar[str] = "speaker.muted"
    speaker: Speaker


@dataclass(frozen=True, slots=True)
class SpeakerUnmuted:
    """The room hears the speaker again, and so do we."""

    type: ClassVar[str] = "speaker.unmuted"
    speaker: Speaker


@dataclass(frozen=True, slots=True)
class SpeakerLevels:
    """Levels for the live meters, about twice a second. Not stored.

    Attributes:
        levels_dbfs: Level of the last half second by speaker id (0 is full scale).
        speaking: Ids of the speakers whose speech is heard now.
    """

    type: ClassVar[str] = "speaker.levels"
    room_id: str
    levels_dbfs: Mapping[str, float] = field(default_factory=dict)
    speaking: Sequence[str] = ()
