"""One speaker who is heard now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from service.listening.counters import EarCounters
from service.listening.ear import Ear
from service.listening.paused_ear import PausedEar
from service.rooms.room import Room, Speaker

Key = tuple[str, str]
"""Room id and speaker id."""


@dataclass(slots=True, eq=False)
class Listener:
    """A speaker's ear with the utterances that are not settled: neither on record nor a gap.

    Attributes:
        ear: Ear of the track, or its stand-in while listening is paused.
        room: The room as it is now; a change applies to the next utterance.
        unsettled: Start of each unsettled utterance, by its id.
        before: Earlier listener of a speaker who came back before its words were settled.
        counted: Counters of the ear that the metrics contain already.
        leaving: True once the speaker has left and only their last words are awaited.
        back: True once a leaving speaker has come back.
        failed: True once the ear has failed.
    """

    ear: Ear | PausedEar
    speaker: Speaker
    room: Room
    before: Listener | None = None
    unsettled: dict[str, datetime] = field(default_factory=dict)
    counted: EarCounters = field(default_factory=EarCounters)
    leaving: bool = False
    back: bool = False
    failed: bool = False

    @property
    def key(self) -> Key:
        return (self.speaker.room_id, self.speaker.id)

    @property
    def settled(self) -> bool:
        """Whether no utterance is unsettled, here or in the listeners before."""
        return next(self._starts(), None) is None

    def confirm_interim(self) -> None:
        """Make an interim transcript due soon that confirms the last one."""
        self.ear.confirm_interim()

    def heard_until(self) -> datetime:
        """Return the time before which all speech is settled."""
        return min([self.ear.heard_until(), *self._starts()])

    def _starts(self) -> Iterator[datetime]:
        yield from self.unsettled.values()
        if self.before is not None:
            before = list(self.before._starts())
            if not before:  # settled for good: drop it, so that returns build no chain
                self.before = None
            yield from before
