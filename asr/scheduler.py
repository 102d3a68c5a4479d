"""Which utterances the model hears next. Pure: every moment comes in as an argument, in seconds.

What is more urgent goes first; what waits is promoted by one class every two seconds. Inside a
class the rooms take turns by the model's time that each has had, and a room's own utterances go by
their deadlines. Waiting never puts a final before one of another room that has had less: else a
room whose backlog is old would be heard before all the others. A batch is formed only when the
model is free, of whatever waits then, so that nothing waits for a timer. Looks at speech that goes
on share a budget of the model's time, and of each speaker only the newest waits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from asr.coalesce import fits, may_join
from asr.ladder import Ladder, Rung
from asr.speech import Unheard, Utterance, WorkClass

OVERLOADED = "transcription is overloaded"
TOO_LATE = "transcription is too far behind"
NEWER = "a newer look at the same speech"
ENDED = "the speech has ended"

_RANK = {work: rank for rank, work in enumerate(WorkClass)}
_MOST_ROOMS = 10_000
_CREDIT_S = 2.0
"""Of the looks' budget at most: neither savings nor debts go further."""


@dataclass(frozen=True, slots=True)
class SchedulerSettings:
    """
    Attributes:
        capacity: Utterances that may wait; beyond it the least urgent and oldest leaves.
        batch_size: Windows given to the model at once.
        lanes: Batches that the model hears at once.
        deadline_s: What has not been begun so long after it was put leaves; infinite: nothing is
            urgent, and no overload is known.
        promote_s: Seconds of waiting that raise an utterance by one class.
        look_share: Of the lanes' time, for looks at speech that goes on.
    """

    capacity: int = 200
    batch_size: int = 8
    lanes: int = 1
    deadline_s: float = 30.0
    promote_s: float = 2.0
    look_share: float = 0.25


@dataclass(frozen=True, slots=True)
class Batch:
    """What the model is given at once.

    Attributes:
        windows: Each one utterance, or several of one speaker that share a window.
        greedy: Decode without a beam: there is no time for better.
    """

    windows: Sequence[Sequence[Utterance]]
    greedy: bool = False

    @property
    def utterances(self) -> list[Utterance]:
        return [utterance for window in self.windows for utterance in window]


@dataclass(slots=True, eq=False)
class _Waiting:
    utterance: Utterance
    put_s: float
    since_s: float
    """When it, or the older look whose place it took, was put."""

    def rank(self, now_s: float, promote_s: float) -> int:
        return max(0, _RANK[self.utterance.work] - int((now_s - self.since_s) / promote_s))

    @property
    def hot(self) -> bool:
        return self.utterance.work is WorkClass.HOT_FINAL


@dataclass(slots=True)
class _Room:
    """
    Attributes:
        used_s: The model's time that it has had, counted on from where the others were when it
            came.
    """

    used_s: float = 0.0
    waiting: list[_Waiting] = field(default_factory=list)


class Scheduler:
    """Not safe to be used by two threads at once.

    Args:
        window_of: Length of the window for so many milliseconds of sound; the same in a batch.
    """

    def __init__(
        self,
        settings: SchedulerSettings,
        *,
        now_s: float,
        window_of: Callable[[int], int] = lambda duration_ms: 0,
    ) -> None:
        self._set = settings
        self.window_of = window_of
        self._rooms: dict[str, _Room] = {}
        self._count = 0
        self._finals = 0
        self._fairest_s = 0.0
        self._credit_s = _CREDIT_S
        self._credited_s = now_s
        self._window_s = 0.0
        self._utterance_s = 0.0
        """Less than a window while utterances share them."""
        self._running: list[tuple[Batch, float]] = []
        self._ladder = Ladder(now_s)

    @property
    def rung(self) -> Rung:
        """What is being done about overload, as of the last look."""
        return self._ladder.rung

    def look(self, now_s: float) -> Rung:
        """What is to be done about overload now: time alone makes it less."""
        if self._set.deadline_s < math.inf:
            self._ladder.look(self.predicted_s(now_s), now_s)
        return self.rung

    def __len__(self) -> int:
        return self._count

    def predicted_s(self, now_s: float) -> float:
        """How long an utterance that is put now would wait, going by the batches before."""
        running = sum(
            max(0.0, len(batch.windows) * self._window_s - (now_s - began_s))
            for batch, began_s in self._running
        )
        return (running + self._finals * self._utterance_s) / self._set.lanes

    def put(self, utterance: Utterance, now_s: float) -> list[Unheard]:
        """Let it wait; what leaves instead, perhaps itself."""
        left = list(self._make_way(utterance, now_s))
        since_s = left[0].since_s if left and utterance.provisional else now_s
        gone = [Unheard(each.utterance, NEWER if utterance.provisional else ENDED) for each in left]
        room = self._rooms.get(utterance.room_id)
        if room is None:
            room = self._rooms[utterance.room_id] = _Room(self._fairest_s)
        elif not room.waiting:
            room.used_s = max(room.used_s, self._fairest_s)
        room.waiting.append(_Waiting(utterance, now_s, since_s))
        self._count += 1
        self._finals += not utterance.provisional
        if self._count > self._set.capacity:
            least = self._least()
            self._remove(least)
            gone.append(Unheard(least.utterance, OVERLOADED))
        self.look(now_s)
        return gone

    def take(self, now_s: float) -> tuple[Batch | None, list[Unheard]]:
        """What a free lane shall hear now, None if nothing waits; and what has waited for too long.

        Call `done` when it has been heard.
        """
        gone = [*self.late(now_s), *self._shed(now_s)]
        self._credit(now_s)
        self.look(now_s)
        windows: list[list[Utterance]] = []
        length = None
        while len(windows) < self._set.batch_size:
            first = self._next(now_s, length)
            if first is None:
                break
            length = self.window_of(first.utterance.duration_ms)
            self._remove(first)
            windows.append([first.utterance])
            if self.rung >= Rung.COALESCE:
                windows[-1] += self._of_the_same(first)
            # What the batch is expected to cost counts at once: rooms take turns inside it, too.
            room = self._rooms[first.utterance.room_id]
            self._fairest_s = max(self._fairest_s, room.used_s)
            room.used_s += self._window_s or 1e-3
        self._forget_idle()
        if not windows:
            return None, gone
        batch = Batch([sorted(one, key=_when) for one in windows], self.rung >= Rung.GREEDY)
        self._running.append((batch, now_s))
        return batch, gone

    def done(self, batch: Batch, now_s: float) -> None:
        """A batch that was taken has been heard."""
        began_s = next(began_s for running, began_s in self._running if running is batch)
        self._running = [each for each in self._running if each[0] is not batch]
        took_s = max(0.0, now_s - began_s)
        each_s = took_s / len(batch.windows)
        self._window_s = _smooth(self._window_s, each_s)
        self._utterance_s = _smooth(self._utterance_s, took_s / len(batch.utterances))
        self._credit(now_s)
        looks = sum(window[0].provisional for window in batch.windows)
        self._credit_s = max(-_CREDIT_S, self._credit_s - each_s * looks)
        self.look(now_s)

    def drain(self) -> list[Utterance]:
        """Take out everything that waits."""
        out = [each.utterance for each in self._all()]
        self._rooms.clear()
        self._count = self._finals = 0
        return out

    def _all(self) -> Iterator[_Waiting]:
        for room in self._rooms.values():
            yield from room.waiting

    def _rank(self, waiting: _Waiting, now_s: float) -> int:
        return waiting.rank(now_s, self._set.promote_s)

    def _remove(self, waiting: _Waiting) -> None:
        self._rooms[waiting.utterance.room_id].waiting.remove(waiting)
        self._count -= 1
        self._finals -= not waiting.utterance.provisional

    def _make_way(self, utterance: Utterance, now_s: float) -> Iterator[_Waiting]:
        """Older looks at this speaker's speech: of no use beside a newer one, or the end."""
        room = self._rooms.get(utterance.room_id)
        for each in list(room.waiting) if room else ():
            if replaces(utterance, each.utterance):
                self._remove(each)
                yield each

    def late(self, now_s: float) -> list[Unheard]:
        """What has waited for too long leaves, whether a lane is free or not."""
        gone = [one for one in self._all() if now_s - one.put_s > self._set.deadline_s]
        for each in gone:
            self._remove(each)
        return [Unheard(each.utterance, TOO_LATE) for each in gone]

    def _shed(self, now_s: float) -> Iterator[Unheard]:
        """Looks at speakers who have done nothing are the first that an overload costs."""
        if self.rung < Rung.NO_LOOKS:
            return
        cold = [one for one in self._all() if one.utterance.work is WorkClass.PARTIAL]
        for each in cold:
            self._remove(each)
            yield Unheard(each.utterance, OVERLOADED)

    def _next(self, now_s: float, length: int | None) -> _Waiting | None:
        """The most urgent; of these the one whose room has had least; of these the most due."""
        final = _RANK[WorkClass.FINAL]
        hot: tuple[tuple[float, float], _Waiting] | None = None
        other: tuple[tuple[int, float, float], _Waiting] | None = None
        for room in self._rooms.values():
            for each in room.waiting:
                if not self._affordable(each.utterance):
                    continue
                if length not in (None, self.window_of(each.utterance.duration_ms)):
                    continue
                turn = (room.used_s, each.put_s)
                if each.hot:
                    if hot is None or turn < hot[0]:
                        hot = (turn, each)
                    continue
                key = (max(final, self._rank(each, now_s)), *turn)
                if other is None or key < other[0]:
                    other = (key, each)
        if hot is None or other is None:
            only = hot or other
            return None if only is None else only[1]
        # Hot finals do not starve the others: who has waited long enough takes turns with them.
        promoted = self._rank(other[1], now_s) == 0
        return other[1] if promoted and other[0][1:] < hot[0] else hot[1]

    def _least(self) -> _Waiting:
        """Looks and retries before finals; then of the room with most, its least urgent and oldest.

        So a room that says too much pays for it, hot or not, and waiting is no merit.
        """

        def how_little(each: _Waiting) -> tuple[int, int, int, float]:
            rank = _RANK[each.utterance.work]
            most = len(self._rooms[each.utterance.room_id].waiting)
            return max(rank, _RANK[WorkClass.FINAL]), most, rank, -each.since_s

        return max(self._all(), key=how_little)

    def _affordable(self, utterance: Utterance) -> bool:
        """Looks that were not asked for keep to their budget."""
        asked = utterance.work is WorkClass.HOT_FINAL
        return not utterance.provisional or asked or self._credit_s > 0

    def _of_the_same(self, first: _Waiting) -> list[Utterance]:
        """Further utterances of the speaker that fit into the window."""
        if not may_join(first.utterance):
            return []
        together = [first.utterance]
        length = self.window_of(first.utterance.duration_ms)
        room = self._rooms[first.utterance.room_id]
        for each in sorted(room.waiting, key=lambda one: _when(one.utterance)):
            other = each.utterance
            if other.speaker_id != first.utterance.speaker_id or not may_join(other):
                continue
            if self.window_of(other.duration_ms) > length:
                continue
            if fits(together, other, self.window_of):
                together.append(other)
                self._remove(each)
        return together[1:]

    def _credit(self, now_s: float) -> None:
        """The looks' share of the time that has gone by."""
        earned = (now_s - self._credited_s) * self._set.lanes * self._set.look_share
        self._credit_s = min(_CREDIT_S, self._credit_s + earned)
        self._credited_s = now_s

    def _forget_idle(self) -> None:
        """A room that had more than its share is remembered until the others have caught up."""
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


def replaces(newer: Utterance, older: Utterance) -> bool:
    """Whether an older look is of no use beside a newer one at its speaker's speech, or its end."""
    if not older.provisional:
        return False
    if (newer.room_id, newer.speaker_id) != (older.room_id, older.speaker_id):
        return False
    return newer.provisional or newer.id == older.id


def _smooth(so_far: float, newest: float) -> float:
    return 0.8 * so_far + 0.2 * newest if so_far else newest


def _when(utterance: Utterance) -> tuple[float, str]:
    return utterance.started_at.timestamp(), utterance.id
