"""The ear that a room needs now: one that hears, or its stand-in while listening is paused."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from service.clock import Clock
from service.listening.counters import EarCounters
from service.listening.ear import Ear
from service.listening.events import AudioGap
from service.listening.paused_ear import PausedEar
from service.listening.track_gaps import INTERRUPTED
from service.metrics import Metrics
from service.rooms.ear_metrics import count_packets
from service.rooms.ear_runner import EarRunner, MakeEar
from service.rooms.listener import Listener
from service.rooms.pending_records import Unwritten
from service.rooms.room import Room


class EarChoice:
    """Gives each speaker the ear that their room needs, when they join and when it changes."""

    def __init__(
        self,
        make_ear: MakeEar,
        runner: EarRunner,
        unwritten: Unwritten,
        *,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._make_ear = make_ear
        self._runner = runner
        self._unwritten = unwritten
        self._metrics = metrics
        self._clock = clock

    def make_ear_in(
        self, room: Room, speaker_id: str, gap_start: datetime | None, now: datetime
    ) -> Ear | PausedEar:
        """Make a speaker's ear, or its stand-in in a paused room.

        Args:
            gap_start: Start of the open gap; None: there is none.
        """
        if room.paused_at is None:
            return self._make_ear(room.id, speaker_id, now, gap_start)
        since = now if gap_start is None else max(gap_start, room.paused_at)
        return PausedEar(room.id, speaker_id, since)

    def add_gap_before_pause(self, ear: Ear | PausedEar, gap_start: datetime | None) -> None:
        """Record the interruption from `gap_start` to the start of the pause, if there is one."""
        if not isinstance(ear, PausedEar) or gap_start is None:
            return
        if gap_start < (to_at := ear.heard_until()):
            gap = AudioGap(ear.room_id, ear.speaker_id, gap_start, to_at, INTERRUPTED)
            self._unwritten.add_gap(gap)

    def change_room(self, listener: Listener, room: Room) -> None:
        """Give the listener the room's new description, and another ear where it needs one."""
        listener.room = room
        if isinstance(listener.ear, PausedEar) is room.listening and not listener.leaving:
            self._exchange_ear(listener, self._clock())

    def _exchange_ear(self, listener: Listener, now: datetime) -> None:
        """Close the listener's ear and give it the one that its room needs now."""
        self._runner.run(listener, partial(listener.ear.close, now))
        count_packets(listener, self._metrics)
        listener.counted, listener.failed = EarCounters(), False
        listener.ear = (
            self._make_ear(*listener.key, now, None)
            if listener.room.listening
            else PausedEar(*listener.key, now)
        )
