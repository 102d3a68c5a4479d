"""Choice of the utterances that the model decodes next. Pure: times are arguments, in seconds.

The more urgent class goes first, and a waiting utterance rises by one class every two seconds.
Inside a class the rooms take turns (`asr.waiting_rooms`), and a room's own utterances go by their
deadlines. A batch is formed only when the model is free, from all that waits then, so that nothing
waits for a timer. Interim utterances share a budget of the model's time, and of each speaker only
the newest waits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from asr.limits import CAPACITY, DEADLINE_S
from asr.overload_ladder import Ladder, Rung
from asr.reasons import OVERLOADED, REPLACED, SPEECH_ENDED, TOO_FAR_BEHIND
from asr.shared_windows import fits_window, may_join
from asr.speech import Unheard, Utterance, WorkClass
from asr.waiting_rooms import RANK, Waiting, WaitingRooms

_CREDIT_S = 2.0
"""Most that the interim budget saves or owes, in seconds of the model's time."""


@dataclass(frozen=True, slots=True)
class SchedulerSettings:
    """Settings of a scheduler.

    Attributes:
        capacity: Utterances that may wait. Beyond it the least urgent and oldest leaves.
        batch_size: Windows in a batch.
        lanes: Batches decoded at the same time.
        deadline_s: Seconds after which an utterance that is not begun leaves. If infinite, nothing
            is urgent and nothing counts as overload.
        promote_s: Seconds of waiting that raise an utterance by one class.
        interim_share: Share of the lanes' time for interim utterances.
    """

    capacity: int = CAPACITY.default
    batch_size: int = 8
    lanes: int = 1
    deadline_s: float = DEADLINE_S.default
    promote_s: float = 2.0
    interim_share: float = 0.25


@dataclass(frozen=True, slots=True)
class Batch:
    """Windows that the model gets at once.

    Attributes:
        windows: Each holds one utterance, or several of one speaker that share the window.
        greedy: Decode without a beam, to save time.
    """

    windows: Sequence[Sequence[Utterance]]
    greedy: bool = False

    @property
    def utterances(self) -> list[Utterance]:
        return [utterance for window in self.windows for utterance in window]


class Scheduler:
    """Queue of utterances for a model. Not safe for several threads at once.

    Args:
        window_frames: Returns the length of the window for a number of milliseconds of sound. All
            windows of a batch have the same length.
    """

    def __init__(
        self,
        settings: SchedulerSettings,
        *,
        now_s: float,
        window_frames: Callable[[int], int] = lambda duration_ms: 0,
    ) -> None:
        self._set = settings
        self.window_frames = window_frames
        self._waiting = WaitingRooms()
        self._credit_s = _CREDIT_S
        self._credited_s = now_s
        self._window_s = 0.0
        """Mean time of a window, of late."""
        self._utterance_s = 0.0
        """Mean time of an utterance: less than a window's while utterances share them."""
        self._running: list[tuple[Batch, float]] = []
        self._ladder = Ladder(now_s)

    @property
    def rung(self) -> Rung:
        """Step of the overload ladder at the last `update_rung`."""
        return self._ladder.rung

    def update_rung(self, now_s: float) -> Rung:
        """Return the step of the overload ladder now: time alone lowers it."""
        if self._set.deadline_s < math.inf:
            self._ladder.update_rung(self.predicted_s(now_s), now_s)
        return self.rung

    def __len__(self) -> int:
        return len(self._waiting)

    def predicted_s(self, now_s: float) -> float:
        """Predict the wait of an utterance put now, from the time that previous batches took."""
        running = sum(
            max(0.0, len(batch.windows) * self._window_s - (now_s - began_s))
            for batch, began_s in self._running
        )
        return (running + self._waiting.finals * self._utterance_s) / self._set.lanes

    def put(self, utterance: Utterance, now_s: float) -> list[Unheard]:
        """Add an utterance; return those that leave for it, which may include itself."""
        left = list(self._remove_replaced(utterance))
        since_s = left[0].since_s if left and utterance.provisional else now_s
        reason = REPLACED if utterance.provisional else SPEECH_ENDED
        gone = [Unheard(each.utterance, reason) for each in left]
        self._waiting.insert(Waiting(utterance, now_s, since_s))
        if len(self._waiting) > self._set.capacity:
            dropped = self._waiting.first_to_drop()
            self._waiting.remove(dropped)
            gone.append(Unheard(dropped.utterance, OVERLOADED))
        self.update_rung(now_s)
        return gone

    def next_batch(self, now_s: float) -> tuple[Batch | None, list[Unheard]]:
        """Return the batch for a free lane, None if nothing waits; and what has left meanwhile.

        Call `finish_batch` once the batch is decoded.
        """
        gone = [*self.drop_late(now_s), *self._drop_interim()]
        self._earn_credit(now_s)
        self.update_rung(now_s)
        windows: list[list[Utterance]] = []
        length = None
        while len(windows) < self._set.batch_size:
            first = self._most_urgent(now_s, length)
            if first is None:
                break
            length = self.window_frames(first.utterance.duration_ms)
            self._waiting.remove(first)
            windows.append([first.utterance])
            if self.rung >= Rung.COALESCE:
                windows[-1] += self._pop_companions(first.utterance)
            # The window's expected cost counts at once, so that rooms take turns inside a batch.
            self._waiting.charge(first.utterance.room_id, self._window_s or 1e-3)
        self._waiting.forget_idle()
        if not windows:
            return None, gone
        batch = Batch([sorted(one, key=_start) for one in windows], self.rung >= Rung.GREEDY)
        self._running.append((batch, now_s))
        return batch, gone

    def finish_batch(self, batch: Batch, now_s: float) -> None:
        """Count the time that a batch from `next_batch` took."""
        began_s = next(began_s for running, began_s in self._running if running is batch)
        self._running = [each for each in self._running if each[0] is not batch]
        took_s = max(0.0, now_s - began_s)
        each_s = took_s / len(batch.windows)
        self._window_s = _smooth(self._window_s, each_s)
        self._utterance_s = _smooth(self._utterance_s, took_s / len(batch.utterances))
        self._earn_credit(now_s)
        interim = sum(window[0].provisional for window in batch.windows)
        self._credit_s = max(-_CREDIT_S, self._credit_s - each_s * interim)
        self.update_rung(now_s)

    def drain(self) -> list[Utterance]:
        """Remove and return all that waits."""
        return self._waiting.remove_all()

    def drop_late(self, now_s: float) -> list[Unheard]:
        """Remove and return what has waited until its deadline."""
        gone = [one for one in self._waiting if now_s - one.put_s > self._set.deadline_s]
        for each in gone:
            self._waiting.remove(each)
        return [Unheard(each.utterance, TOO_FAR_BEHIND) for each in gone]

    def _remove_replaced(self, utterance: Utterance) -> Iterator[Waiting]:
        for each in self._waiting.in_room(utterance.room_id):
            if replaces(utterance, each.utterance):
                self._waiting.remove(each)
                yield each

    def _drop_interim(self) -> Iterator[Unheard]:
        """Drop interim utterances of speakers without a recent hit: the first step of overload."""
        if self.rung < Rung.NO_LOOKS:
            return
        cold = [one for one in self._waiting if one.utterance.work is WorkClass.PARTIAL]
        for each in cold:
            self._waiting.remove(each)
            yield Unheard(each.utterance, OVERLOADED)

    def _most_urgent(self, now_s: float, length: int | None) -> Waiting | None:
        """Return the next utterance: by class, then by its room's time, then by its own wait.

        Args:
            length: Length that its window must have; None: any.
        """
        final = RANK[WorkClass.FINAL]
        hot: tuple[tuple[float, float], Waiting] | None = None
        other: tuple[tuple[int, float, float], Waiting] | None = None
        for room in self._waiting.rooms():
            for each in room.waiting:
                if not self._affordable(each.utterance):
                    continue
                if length not in (None, self.window_frames(each.utterance.duration_ms)):
                    continue
                turn = (room.used_s, each.put_s)
                if each.hot:
                    if hot is None or turn < hot[0]:
                        hot = (turn, each)
                    continue
                key = (max(final, each.rank(now_s, self._set.promote_s)), *turn)
                if other is None or key < other[0]:
                    other = (key, each)
        if hot is None or other is None:
            only = hot or other
            return None if only is None else only[1]
        # Hot finals do not starve others: one that has waited long enough takes turns with them.
        promoted = other[1].rank(now_s, self._set.promote_s) == 0
        return other[1] if promoted and other[0][1:] < hot[0] else hot[1]

    def _affordable(self, utterance: Utterance) -> bool:
        """Whether the interim budget allows this utterance. Hot finals need no budget."""
        asked = utterance.work is WorkClass.HOT_FINAL
        return not utterance.provisional or asked or self._credit_s > 0

    def _pop_companions(self, first: Utterance) -> list[Utterance]:
        """Remove and return further utterances of the speaker that fit into the window."""
        if not may_join(first):
            return []
        together = [first]
        length = self.window_frames(first.duration_ms)
        waiting = self._waiting.in_room(first.room_id)
        for each in sorted(waiting, key=lambda one: _start(one.utterance)):
            other = each.utterance
            if other.speaker_id != first.speaker_id or not may_join(other):
                continue
            if self.window_frames(other.duration_ms) > length:
                continue
            if fits_window(together, other, self.window_frames):
                together.append(other)
                self._waiting.remove(each)
        return together[1:]

    def _earn_credit(self, now_s: float) -> None:
        """Add the interim share of the time that has passed to the budget."""
        earned = (now_s - self._credited_s) * self._set.lanes * self._set.interim_share
        self._credit_s = min(_CREDIT_S, self._credit_s + earned)
        self._credited_s = now_s


def replaces(newer: Utterance, older: Utterance) -> bool:
    """Whether `older` is an interim utterance that `newer`, of the same speaker, replaces."""
    if not older.provisional:
        return False
    if (newer.room_id, newer.speaker_id) != (older.room_id, older.speaker_id):
        return False
    return newer.provisional or newer.id == older.id


def _smooth(so_far: float, newest: float) -> float:
    return 0.8 * so_far + 0.2 * newest if so_far else newest


def _start(utterance: Utterance) -> tuple[float, str]:
    return utterance.started_at.timestamp(), utterance.id
