"""The seam between a way into rooms and what lies behind it.

A connector knows one kind of room server. For each room it gives out sessions, one after the
other: a session is one stay in the room, which ends when the room does or the way to it is lost.
The supervisor's keeper of that room decides what follows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import NoReturn, Protocol

from service.listening.packet import PacketSink
from service.rooms.actions import RoomAction
from service.rooms.room import Room, RoomState, Speaker


class RoomListener(PacketSink, Protocol):
    """What a session reports to: who comes and goes, and their packets."""

    async def speaker_joined(self, speaker: Speaker, since: datetime | None = None) -> None:
        """Must be awaited before the speaker's first packet is pushed.

        Args:
            since: When they came, where they could not be heard at once: what they said since
                then is a gap.
        """
        ...

    async def speaker_left(self, speaker: Speaker, reason: str, *, cut_off: bool = False) -> None:
        """Returns once their last words are on record, which takes seconds.

        Args:
            cut_off: They did not go by their own will, and may have talked on unheard.
        """
        ...

    async def speaker_changed(self, speaker: Speaker) -> bool:
        """Their name, role or mute is another now; False where they are not heard."""
        ...

    def room_heard(self, room_id: str, present: Collection[str]) -> None:
        """The room is heard, and these speakers are in it: who else was live before has left."""
        ...


class Audience(RoomListener, Protocol):
    """What a keeper reports to: a room's sessions, and what lies between them."""

    def room_lost(self, room_id: str) -> None:
        """The way to the room is lost: its speakers stay, unheard, until `room_heard`."""
        ...

    async def room_left(self, room_id: str, reason: str) -> None:
        """Nothing is heard of the room any more: all its speakers leave."""
        ...


class Muted(Protocol):
    """Whom the room's moderators muted through us: so they stay, however often they come back.

    They are persons, as `RoomConnector.person` says.
    """

    def __contains__(self, person: object) -> bool: ...

    async def lifted(self, person: str) -> None:
        """A moderator unmuted the speaker at the room server: so it is."""
        ...


class RoomSession(Protocol):
    """One stay in a room. When `run` ends, nothing is left of it: no peer, task or connection."""

    async def run(self, tell: Callable[[str], None]) -> NoReturn:
        """Be in the room and report its speakers, until cancelled.

        Who is in the room when the stay ends is not reported as leaving.

        Args:
            tell: Called when the room is heard, and whenever that changes: with what is not
                heard of it and why, or with nothing where all is.

        Raises:
            CannotHear: Why the stay is over; which of its kinds says what follows.
        """
        ...

    async def act(self, action: RoomAction, person: str, words: str) -> str:
        """Carry out what somebody decided, while `run` runs; how the room server confirmed it.

        Args:
            person: As `RoomConnector.person` says.
            words: What a warned speaker is told.

        Raises:
            CannotAct: It was not carried out.
        """
        ...

    async def dismiss(self, speaker_id: str, reason: str) -> bool:
        """Let go of one speaker, who may come again; False where they are not heard."""
        ...


class RoomConnector(Protocol):
    """One way into rooms.

    Attributes:
        kind: Its name in `Room.connector`.
        opens_as: The state of a room that was just opened.
    """

    kind: str
    opens_as: RoomState

    def enter(self, room: Room, secrets: Mapping[str, str], muted: Muted) -> RoomSession:
        """A stay that has not begun.

        Args:
            secrets: What of the room's connector nobody may read, such as its PIN.
        """
        ...

    def actions(self, room: Room) -> Collection[RoomAction]:
        """What can be done in such a room."""
        ...

    def person(self, speaker_id: str) -> str:
        """Who it is that is heard under this id, perhaps among others: whom actions are about."""
        ...


class CannotHear(Exception):
    """A stay is over; its text is the reason, for people.

    CannotHear
    ├── RoomLost       the way to the room is lost: join again, soon
    ├── RoomRefused    the room server says no: try again, seldom
    └── RoomOver       the room has ended
    """


class RoomLost(CannotHear):
    pass


class RoomRefused(CannotHear):
    pass


class RoomOver(CannotHear):
    pass
