"""Rooms, speakers, and what happens to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

from service.clock import Timestamp


class RoomState(StrEnum):
    JOINING = "joining"
    LISTENING = "listening"
    DEGRADED = "degraded"
    LOST = "lost"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Room:
    """A room that is, or was, listened to.

    Attributes:
        connector: `{"kind": "whip", ...}`: the way in, and what that way needs to know.
        languages: ISO 639-1 codes that may be spoken; empty: let the model decide.
        policies: Names of the packs that apply; empty: all that are loaded.
        reason: Why the room is in its state, for people.
        notice: What the room's members are to be told: that it is listened to, and by which rules.
            Empty where the operator sees to that otherwise.
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


@dataclass(frozen=True, slots=True)
class Speaker:
    """
    Attributes:
        muted: By a moderator: nobody in the room hears them, and neither do we.
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
class SpeakerLevels:
    """Not stored: what the live meters show, about twice a second.

    Attributes:
        levels_dbfs: Speaker id -> loudness of the last half second (0 is full scale).
        speaking: Ids of those in whom speech is heard now.
    """

    type: ClassVar[str] = "speaker.levels"
    room_id: str
    levels_dbfs: Mapping[str, float] = field(default_factory=dict)
    speaking: Sequence[str] = ()
