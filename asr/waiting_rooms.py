"""Utterances that wait for the model, by room, with the model's time that each room has had. Pure.

Rooms take turns by that time. Waiting never puts an utterance before one of another room that has
had less: otherwise a room with an old backlog would go before all others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from asr.speech import Utterance, WorkClass

RANK = {work: rank for rank, work in enumerate(WorkClass)}
"""Rank of each class, 0 for the most urgent."""
_MOST_ROOMS = 10_000
"""Rooms remembered."""


@dataclass(slots=True, eq=False)
class Waiting:
    """An utterance that waits.

    Attributes:
        put_s: Time at which it was put.
        since_s: Time at which it, or the interim utterance that it replaced, was put.
    """

    utterance: Utterance
    put_s: float
    since_s: float

    def rank(self, now_s: float, promote_s: float) -> int:
        """Return the rank of its class, one better for every `promote_s` of waiting."""
        return max(0, RANK[self.utterance.work] - int((now_s - self.since_s) / promote_s))

    @property
    def hot(self) -> bool:
        return self.utterance.work is WorkClass.HOT_FINAL


@dataclass(slots=True)
class Room:
    """A room's waiting utterances.

    Attributes:
        used_s: The model's time that the room has had. A new room starts at that of the others.
    """

    used_s: float = 0.0
    waiting: list[Waiting] = field(default_factory=list)


class WaitingRooms:
    """All waiting utterances.

    Attributes:
        finals: Waiting utterances that are not interim.
    """

    def __init__(self) -> None:
        self._rooms: dict[str, Room] = {}
        self._count = 0
        self.finals = 0
        self._fairest_s = 0.0
        """Most time of any room whose turn has come."""

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Waiting]:
        for room in self._rooms.values():
            yield from room.waiting

    def rooms(self) -> Iterator[Room]:
        return iter(self._rooms.values())

    def in_room(self, room_id: str) -> Sequence[Waiting]:
        """Return a copy of what waits in this room."""
        room = self._rooms.get(room_id)
        return list(room.waiting) if room else ()

    def insert(self, waiting: Waiting) -> None:
        room_id = waiting.utterance.room_id
        room = self._rooms.get(room_id)
        if room is None:
            room = self._rooms[room_id] = Room(self._fairest_s)
        elif not room.waiting:
            room.used_s = max(room.used_s, self._fairest_s)
        room.waiting.append(waiting)
        self._count += 1
        self.finals += not waiting.utterance.provisional

    def remove(self, waiting: Waiting) -> None:
        self._rooms[waiting.utterance.room_id].waiting.remove(waiting)
        self._count -= 1
        self.finals -= not waiting.utterance.provisional

    def charge(self, room_id: str, cost_s: float) -> None:
        """Add a window's expected time to its room, whose turn this was."""
        room = self._rooms[room_id]
        self._fairest_s = max(self._fairest_s, room.used_s)
        room.used_s += cost_s

    def first_to_drop(self) -> Waiting:
        """Return the utterance that leaves first where there are too many.

        Interim utterances and retries go before finals; then the fullest room loses its least
        urgent and oldest utterance. So a room that says too much pays for it, hot or not, and a
        long wait protects nothing.
        """

        def order(each: Waiting) -> tuple[int, int, int, float]:
            rank = RANK[each.utterance.work]
            most = len(self._rooms[each.utterance.room_id].waiting)
            return max(rank, RANK[WorkClass.FINAL]), most, rank, -each.since_s

        return max(self, key=order)

    def remove_all(self) -> list[Utterance]:
        out = [each.utterance for each in self]
        self._rooms.clear()
        self._count = self.finals = 0
        return out

    def forget_idle(self) -> None:
        """Forget empty rooms. One that has had more than its share stays until others catch up."""
        idle = [
            room_id
            for room_id, room in self._rooms.items()
            if not room.waiting and room.used_s <= self._fairest_s
        ]
        for room_id in idle:
            del self._rooms[room_id]
        while len(self._rooms) > _MOST_ROOMS:
            oldest = next((i for i, room in self._rooms.items() if not room.waiting), None)
            if oldest is None:
                return
            del self._rooms[oldest]
