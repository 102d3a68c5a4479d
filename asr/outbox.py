"""What waits in this process for its way to the workers."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from asr.speech import Utterance, WorkClass


class Outbox:
    """The classes wait apart. In each the rooms take turns, and of a room the oldest goes first.

    Not for two threads.
    """

    def __init__(self) -> None:
        self._classes = {work: _Turns() for work in WorkClass}
        self.bytes = 0
        """Sound that waits."""

    def __len__(self) -> int:
        return sum(turns.count for turns in self._classes.values())

    def put(self, utterance: Utterance, put_s: float) -> None:
        self._classes[utterance.work].add(utterance, put_s)
        self.bytes += len(utterance.pcm)

    def put_back(self, utterance: Utterance, put_s: float) -> None:
        """It was on its way, and has its place and its turn again."""
        self._classes[utterance.work].add(utterance, put_s, again=True)
        self.bytes += len(utterance.pcm)

    def take(self, work: WorkClass) -> Utterance | None:
        """The next of this class to go."""
        utterance = self._classes[work].take()
        self.bytes -= len(utterance.pcm) if utterance else 0
        return utterance

    def remove(self, utterance: Utterance) -> None:
        """Nothing where it is gone already."""
        if self._classes[utterance.work].remove(utterance):
            self.bytes -= len(utterance.pcm)

    def least(self) -> Utterance:
        """What is to leave first: of the least urgent class and the room with most, the oldest."""
        return next(turns for turns in reversed(self._classes.values()) if turns.count).least()

    def waiting(self) -> Mapping[WorkClass, int]:
        """How many, by class."""
        return {work: turns.count for work, turns in self._classes.items()}

    def behind_s(self, now_s: float) -> Mapping[WorkClass, float]:
        """For how long the oldest of a class has waited."""
        return {
            work: max((now_s - put_s for put_s in turns.oldest()), default=0.0)
            for work, turns in self._classes.items()
        }


@dataclass(slots=True)
class _Room:
    """
    Attributes:
        turns: That it has had, counted on from where the others were when it came.
        waiting: When each was put, and itself; the oldest first.
    """

    turns: int
    waiting: list[tuple[float, Utterance]] = field(default_factory=list)


class _Turns:
    def __init__(self) -> None:
        self.count = 0
        self._rooms: dict[str, _Room] = {}
        self._turn = 0
        """The most that a room had which was taken from."""
        self._ahead: dict[str, int] = {}
        """Rooms of which nothing waits, and that have had more than that."""

    def add(self, utterance: Utterance, put_s: float, *, again: bool = False) -> None:
        room = self._rooms.get(utterance.room_id)
        if room is None:
            turns = max(self._turn, self._ahead.pop(utterance.room_id, 0))
            room = self._rooms[utterance.room_id] = _Room(turns)
        insort(room.waiting, (put_s, utterance), key=lambda one: one[0])
        room.turns -= again
        self.count += 1

    def take(self) -> Utterance | None:
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
        self._went(room_id)
        return utterance

    def remove(self, utterance: Utterance) -> bool:
        room = self._rooms.get(utterance.room_id)
        for place, (_, one) in enumerate(room.waiting if room else ()):
            if room and one is utterance:
                del room.waiting[place]
                self._went(utterance.room_id)
                return True
        return False

    def least(self) -> Utterance:
        return max(self._rooms.values(), key=lambda room: len(room.waiting)).waiting[0][1]

    def oldest(self) -> Iterator[float]:
        return (room.waiting[0][0] for room in self._rooms.values())

    def _went(self, room_id: str) -> None:
        self.count -= 1
        room = self._rooms[room_id]
        if not room.waiting:
            del self._rooms[room_id]
            if room.turns > self._turn:
                self._ahead[room_id] = room.turns
