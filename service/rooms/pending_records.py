"""Gaps and farewells that are not on record yet.

They wait room by room, so that a room that cannot be written delays no other. The gaps of a room
are written before its farewells: if the server died between a farewell and a gap in the speaker's
last words, the gap would never be recorded.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from weakref import WeakValueDictionary

from service.errors import StoreAway
from service.listening.events import AudioGap
from service.listening.ports import HearingStore
from service.metrics import Metrics
from service.rooms.ports import RoomStore
from service.rooms.room import Speaker

_GAPS_WAITING = 1_000
"""Gaps of one room that may wait; beyond it, the gaps of each speaker become one."""


@dataclass(slots=True)
class _Waiting:
    """Gaps and farewells of one room.

    Attributes:
        farewells: Speaker, reason and time of each departure, by speaker id.
    """

    gaps: deque[AudioGap] = field(default_factory=deque)
    farewells: dict[str, tuple[Speaker, str, datetime]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.gaps or self.farewells)


class Unwritten:
    """Gaps and farewells that wait for the store, bounded in each room."""

    def __init__(self, rooms: RoomStore, hearing: HearingStore, metrics: Metrics) -> None:
        self._rooms = rooms
        self._hearing = hearing
        self._metrics = metrics
        self._waiting: dict[str, _Waiting] = {}
        self._writing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def add_gap(self, gap: AudioGap) -> None:
        """Count a gap and keep it until it is written."""
        self._metrics.gaps.labels(gap.reason.partition(":")[0]).inc()  # without its particulars
        self._metrics.gap_seconds.inc((gap.to_at - gap.from_at).total_seconds())
        gaps = self._waiting_in(gap.room_id).gaps
        if len(gaps) >= _GAPS_WAITING:  # the store has been away for long
            gap = _merge_with_last(gaps, gap)
        gaps.append(gap)

    def add_farewell(self, speaker: Speaker, reason: str, now: datetime) -> None:
        """Keep a speaker's departure until it is written."""
        self._waiting_in(speaker.room_id).farewells[speaker.id] = (speaker, reason, now)

    def is_leaving(self, speaker: Speaker) -> bool:
        """Whether the speaker's farewell waits to be written."""
        waiting = self._waiting.get(speaker.room_id)
        return waiting is not None and speaker.id in waiting.farewells

    async def write(self, room_id: str) -> None:
        """Write the gaps of a room, then its farewells; those that fail wait on.

        Raises:
            Exception: An error of the store.
        """
        async with self._writing.setdefault(room_id, asyncio.Lock()):
            waiting = self._waiting.get(room_id)
            if waiting is None:
                return
            await self._write_gaps(waiting.gaps)
            for speaker_id, farewell in list(waiting.farewells.items()):
                await self._rooms.speaker_left(*farewell)
                if waiting.farewells.get(speaker_id) is farewell:
                    del waiting.farewells[speaker_id]
            if not waiting:
                self._waiting.pop(room_id, None)

    async def write_all(self) -> Mapping[str, Exception]:
        """Write the gaps and farewells of all rooms.

        A store that is away is not asked again in the same call. The room for which it was away
        comes last in the next call: it may be away for that room alone.

        Returns:
            Errors by room id, of the rooms that could not be written.
        """
        failed: dict[str, Exception] = {}
        away: StoreAway | None = None
        for room_id in list(self._waiting):
            if away is not None:
                failed[room_id] = away
                continue
            try:
                await self.write(room_id)
            except Exception as error:  # noqa: BLE001 - the caller raises it
                failed[room_id] = error
                if isinstance(error, StoreAway):
                    away = error
                if room_id in self._waiting:
                    self._waiting[room_id] = self._waiting.pop(room_id)
        return failed

    def _waiting_in(self, room_id: str) -> _Waiting:
        return self._waiting.setdefault(room_id, _Waiting())

    async def _write_gaps(self, gaps: deque[AudioGap]) -> None:
        while gaps:
            gap = gaps.popleft()
            try:
                await self._hearing.gap(gap)
            except BaseException:
                gaps.appendleft(gap)
                raise


def _merge_with_last(gaps: deque[AudioGap], gap: AudioGap) -> AudioGap:
    """Remove the speaker's last gap from the queue and return it, widened to cover this one."""
    for last in reversed(gaps):
        if last.speaker_id == gap.speaker_id:
            gaps.remove(last)
            return replace(last, to_at=max(last.to_at, gap.to_at))
    return gap
