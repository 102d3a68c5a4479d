"""One speaker who is heard now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from service.listening.counters import EarCounters
from service.listening.ear import Ear
from service.rooms.room import Room, Speaker

Key = tuple[str, str]
"""Room and speaker."""


@dataclass(slots=True, eq=False)
class Listener:
    """A speaker's ear, and what of their words is not settled: on record, or told as a gap.

    Attributes:
        unsettled: When each unsettled utterance began, by its id.
        before: Of the same speaker, who came back before the words of last time were settled.
        counted: What of the ear's counters is in the metrics already.
        leaving: The speaker has left, and their last words are waited for.
        back: They have come back meanwhile.
        failed: The ear has failed once.
    """

    ear: Ear
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
        """Nothing of it, or of what was before it, is still to be settled."""
        return next(self._starts(), None) is None

    def look_again(self) -> None:
        """Confirm soon what the last look at speech that goes on found."""
        self.ear.look_again()

    def heard_until(self) -> datetime:
        """Everything before this is settled, or was no speech."""
        return min([self.ear.heard_until(), *self._starts()])

    def _starts(self) -> Iterator[datetime]:
        yield from self.unsettled.values()
        if self.before is not None:
            before = list(self.before._starts())
            if not before:  # settled for good: whoever comes and goes leaves no chain behind
                self.before = None
            yield from before
