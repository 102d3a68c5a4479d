"""Utterances that wait in this process to be sent to Redis. Pure."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from asr.speech import Utterance, WorkClass


class Outbox:
    """One queue for each class. In a queue the rooms take turns; a room's oldest goes first.

    Not safe for several threads at once.

    Attributes:
        bytes: Size of the waiting sound.
    """

    def __init__(self) -> None:
        self._classes = {work: _FairQueue() for work in WorkClass}
        self.bytes = 0

    def __len__(self) -> int:
        return sum(queue.count for queue in self._classes.values())

    def put(self, utterance: Utterance, put_s: float) -> None:
        self._classes[utterance.work].insert(utterance, put_s)
        self.bytes += len(utterance.pcm)

    def put_back(self, utterance: Utterance, put_s: float) -> None:
        """Return a popped utterance that could not be sent: it regains its place and turn."""
        self._classes[utterance.work].insert(utterance, put_s, again=True)
        self.bytes += len(utterance.pcm)

    def pop_next(self, work: WorkClass) -> Utterance | None:
        """Remove and return the next utterance of this class; None: none waits."""
        utterance = self._classes[work].pop_next()
        self.bytes -= len(utterance.pcm) if utterance else 0
        return utterance

    def remove(self, utterance: Utterance) -> None:
        """Remove an utterance that may wait here."""
        if self._classes[utterance.work].remove(utterance):
            self.bytes -= len(utterance.pcm)

    def first_to_drop(self) -> Utterance:
        """Return the oldest utterance of the fullest room in the least urgent class."""
        queue = next(queue for queue in reversed(self._classes.values()) if queue.count)
        return queue.first_to_drop()

    def count_waiting(self) -> Mapping[WorkClass, int]:
        return {work: queue.count for work, queue in self._classes.items()}

    def behind_s(self, now_s: float) -> Mapping[WorkClass, float]:
        """Return the seconds that the oldest utterance of each class has waited."""
        return {
            work: max((now_s - put_s for put_s in queue.oldest()), default=0.0)
            for work, queue in self._classes.items()
        }


@dataclass(slots=True)
class _Room:
    """A room with waiting utterances.

    Attributes:
        turns: Turns that the room has had. A new room starts at the count of the others.
        waiting: Utterances with the time of their put, the oldest first.
    """

    turns: int
    waiting: list[tuple[float, Utterance]] = field(default_factory=list)


class _FairQueue:
    def __init__(self) -> None:
        self.count = 0
        self._rooms: dict[str, _Room] = {}
        self._turn = 0
        """Most turns of any room that was served."""
        self._ahead: dict[str, int] = {}
        """Turns of rooms where nothing waits and that have had more turns than `_turn`."""

    def insert(self, utterance: Utterance, put_s: float, *, again: bool = False) -> None:
        room = self._rooms.get(utterance.room_id)
        if room is None:
            turns = max(self._turn, self._ahead.pop(utterance.room_id, 0))
            room = self._rooms[utterance.room_id] = _Room(turns)
        insort(room.waiting, (put_s, utterance), key=lambda one: one[0])
        room.turns -= again
        self.count += 1

    def pop_next(self) -> Utterance | None:
        if not self._rooms:
            return None
        room_id, room = min(
            self._rooms.items(), key=lambda one: (one[1].turns, one[1].waiting[0][0])
        )
        if room.turns > self._turn:
            self._turn = room.turns
            self._ahead = {id_: had for id_, had in self._ahead.items() if had > self._turn}
        _, utterance = room.waiting.pop(0)
        room.turns += 1
        self._count_removed(room_id)
        return utterance

    def remove(self, utterance: Utterance) -> bool:
        room = self._rooms.get(utterance.room_id)
        for place, (_, one) in enumerate(room.waiting if room else ()):
            if room and one is utterance:
                del room.waiting[place]
                self._count_removed(utterance.room_id)
                return True
        return False

    def first_to_drop(self) -> Utterance:
        return max(self._rooms.values(), key=lambda room: len(room.waiting)).waiting[0][1]

    def oldest(self) -> Iterator[float]:
        return (room.waiting[0][0] for room in self._rooms.values())

    def _count_removed(self, room_id: str) -> None:
        self.count -= 1
        room = self._rooms[room_id]
        if not room.waiting:
            del self._rooms[room_id]
            if room.turns > self._turn:
                self._ahead[room_id] = room.turns
