"""Ports between a connector and the parts that hear and supervise rooms.

A connector knows one kind of room server. For each room it makes sessions, one after the other. A
session is one stay in the room; it ends when the room ends or the connection to it is lost. The
room's keeper decides what follows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import NoReturn, Protocol

from service.listening.packet import PacketSink
from service.rooms.actions import Carrier, ImpossibleAction, RoomAction
from service.rooms.room import Room, RoomState, Speaker


class RoomListener(PacketSink, Protocol):
    """Receiver of a session's reports: speakers who come and go, and their packets."""

    async def speaker_joined(self, speaker: Speaker, since: datetime | None = None) -> None:
        """Hear the speaker; to be awaited before their first packet is pushed.

        Args:
            since: Time of their arrival, where they could not be heard at once: the time since then
                is a gap.
        """
        ...

    async def speaker_left(self, speaker: Speaker, reason: str, *, cut_off: bool = False) -> None:
        """Stop hearing the speaker; return once their last words are on record, seconds later.

        Args:
            cut_off: Whether the connection was lost: they may have talked on unheard.
        """
        ...

    async def speaker_changed(self, speaker: Speaker) -> bool:
        """Record the speaker's new name, role or mute; False where they are not heard."""
        ...

    def room_heard(self, room_id: str, present: Collection[str]) -> None:
        """Note that the room is heard: unheard speakers who are not in `present` have left."""
        ...


class Audience(RoomListener, Protocol):
    """Receiver of a keeper's reports: a room's sessions, and the times between them."""

    def room_lost(self, room_id: str) -> None:
        """Note that the room is lost: its speakers stay live, unheard, until `room_heard`."""
        ...

    async def room_left(self, room_id: str, reason: str) -> None:
        """Stop hearing the room: all its speakers leave."""
        ...


class Muted(Protocol):
    """Persons whom the room's moderators muted through us, in the room now or not.

    They stay muted when they come back. Persons are named as by `RoomConnector.person`.
    """

    def __contains__(self, person: object) -> bool: ...

    async def lifted(self, person: str) -> None:
        """Honour an unmute made at the room server."""
        ...


class RoomSession(Protocol):
    """One stay in a room. When `run` ends, no peer, task or connection of it is left."""

    async def run(self, report: Callable[[str], None]) -> NoReturn:
        """Be in the room and report its speakers, until cancelled.

        Speakers who are in the room when the session ends are not reported as leaving.

        Args:
            report: Called when the room is heard, and at every change, with what cannot be heard
                and why; with an empty text where everything is heard.

        Raises:
            CannotHear: The session is over; the subclass decides what follows.
        """
        ...

    async def act(self, action: RoomAction, person: str, words: str) -> str:
        """Carry out an action at the room server while `run` runs; return its confirmation.

        Called for actions whose carrier is the connector.

        Args:
            person: Person named as by `RoomConnector.person`.
            words: Text for a speaker who is warned.

        Raises:
            CannotAct: The action was not carried out.
        """
        ...

    async def apply_confirmed(self, action: RoomAction, person: str) -> None:
        """Do our part of an action that the room server has carried out and confirmed itself."""
        ...

    async def dismiss(self, speaker_id: str, reason: str) -> bool:
        """Stop hearing one speaker, who may come again; False where they are not heard."""
        ...


class RoomConnector(Protocol):
    """The way into one kind of room.

    Attributes:
        kind: Name of the connector in `Room.connector`.
        opens_as: State of a room that was just opened.
    """

    kind: str
    opens_as: RoomState

    def enter(self, room: Room, secrets: Mapping[str, str], muted: Muted) -> RoomSession:
        """Return a new session; it begins with `run`.

        Args:
            secrets: Secret fields of the room's connector, such as its PIN.
        """
        ...

    async def carrier(self, room: Room, action: RoomAction) -> Carrier | ImpossibleAction:
        """Return who carries the action out in this room, or why that is not possible."""
        ...

    def person(self, speaker_id: str) -> str:
        """Return the person who is heard under this id; actions concern persons.

        One person may be heard under several ids.
        """
        ...


class CannotHear(Exception):
    """A session is over; the text is the reason, for people.

    CannotHear
    ├── RoomLost       the connection to the room is lost: join again, soon
    ├── RoomRefused    the room server refuses: try again, seldom
    └── RoomOver       the room has ended
    """


class RoomLost(CannotHear):
    pass


class RoomRefused(CannotHear):
    pass


class RoomOver(CannotHear):
    pass
