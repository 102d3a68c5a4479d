"""State of each speaker who is live on record: heard now, or unheard since an interruption. Pure.

A speaker goes unheard when the server was down or the connection to the room was lost. They stay
live on record. Their gap ends with the first words heard again, or when it is known that they have
left meanwhile.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from service.rooms.listener import Key, Listener


@dataclass(slots=True)
class Presence:
    """State of one speaker. Exactly one of `listener` and `unheard_since` is set.

    Attributes:
        listener: Ear of a speaker who is heard now.
        unheard_since: Start of the gap of a speaker who is not heard now.
        cut_off: Listener that the interruption ended; its last words may be unsettled. None where
            an earlier run of the server was interrupted.
        gone_at: Time at which an unheard speaker was known to be in the room no more.
    """

    listener: Listener | None = None
    unheard_since: datetime | None = None
    cut_off: Listener | None = None
    gone_at: datetime | None = None

    def hear(self, listener: Listener) -> None:
        """Enter the state of a speaker who is heard; whatever was interrupted is over."""
        self.listener, self.unheard_since = listener, None
        self.cut_off = self.gone_at = None

    def interrupt(self, unheard_since: datetime) -> None:
        """Enter the state of a speaker who goes unheard."""
        self.cut_off, self.listener = self.listener, None
        self.unheard_since, self.gone_at = unheard_since, None

    def mark_gone(self, at: datetime) -> None:
        """Note that an unheard speaker has left; one who is heard says so by themselves."""
        if self.unheard_since is not None:
            self.gone_at = at


@dataclass(frozen=True, slots=True)
class Absentee:
    """A speaker who left while they could not be heard.

    Attributes:
        unheard_since: Start of the speaker's gap.
        gone_at: End of the gap.
    """

    room_id: str
    speaker_id: str
    unheard_since: datetime
    gone_at: datetime


class Presences:
    """Presence of every live speaker, by room."""

    def __init__(self) -> None:
        self._rooms: dict[str, dict[str, Presence]] = {}

    def listener(self, room_id: str, speaker_id: str) -> Listener | None:
        """Return the speaker's listener; None where they are not heard now."""
        presence = self._presence(room_id, speaker_id)
        return None if presence is None else presence.listener

    def listeners(self) -> Sequence[Listener]:
        """Return everybody who is heard now."""
        return [one for room_id in self._rooms for one in self.listeners_in(room_id)]

    def listeners_in(self, room_id: str) -> Sequence[Listener]:
        """Return everybody who is heard now in one room."""
        here = self._rooms.get(room_id, {}).values()
        return [presence.listener for presence in here if presence.listener is not None]

    def heard_rooms(self) -> Sequence[str]:
        """Return the rooms in which at least one speaker is heard now."""
        return [room_id for room_id in self._rooms if self.listeners_in(room_id)]

    def unheard_since(self, room_id: str, speaker_id: str) -> datetime | None:
        """Return the start of the speaker's gap; None where no interruption is open."""
        presence = self._presence(room_id, speaker_id)
        return None if presence is None else presence.unheard_since

    def cut_off(self, room_id: str, speaker_id: str) -> Listener | None:
        """Return the listener that an interruption in this run of the server ended."""
        presence = self._presence(room_id, speaker_id)
        return None if presence is None else presence.cut_off

    def hear(self, listener: Listener) -> None:
        """Enter a listener in place of the speaker's earlier state."""
        self._entered(*listener.key).hear(listener)

    def interrupt(self, room_id: str, speaker_id: str, unheard_since: datetime) -> None:
        """Note that a speaker goes unheard but stays live on record."""
        self._entered(room_id, speaker_id).interrupt(unheard_since)

    def mark_absent(self, room_id: str, present: Collection[str], at: datetime) -> None:
        """Note that every unheard speaker of the room who is not in `present` has left."""
        for speaker_id, presence in self._rooms.get(room_id, {}).items():
            if speaker_id not in present:
                presence.mark_gone(at)

    def absentees(self, room_id: str | None = None) -> Sequence[Absentee]:
        """Return the speakers who left unheard, of one room; None: of all rooms."""
        rooms = self._rooms if room_id is None else [room_id]
        keys = [(room, speaker) for room in rooms for speaker in self._rooms.get(room, {})]
        found = (self.absentee(key) for key in keys)
        return [absentee for absentee in found if absentee is not None]

    def absentee(self, key: Key) -> Absentee | None:
        """Return the speaker if they left unheard."""
        presence = self._presence(*key)
        if presence is None or presence.unheard_since is None or presence.gone_at is None:
            return None
        return Absentee(*key, presence.unheard_since, presence.gone_at)

    def remove_absentee(self, absentee: Absentee) -> None:
        """Drop the state of a speaker who left unheard."""
        self._remove(absentee.room_id, absentee.speaker_id)

    def remove_listener(self, listener: Listener) -> None:
        """Drop the state of a speaker who left, unless another listener has taken its place."""
        if self.listener(*listener.key) is listener:
            self._remove(*listener.key)

    def _presence(self, room_id: str, speaker_id: str) -> Presence | None:
        return self._rooms.get(room_id, {}).get(speaker_id)

    def _entered(self, room_id: str, speaker_id: str) -> Presence:
        return self._rooms.setdefault(room_id, {}).setdefault(speaker_id, Presence())

    def _remove(self, room_id: str, speaker_id: str) -> None:
        here = self._rooms[room_id]
        del here[speaker_id]
        if not here:
            del self._rooms[room_id]
