"""What happened to speakers and is not on record yet: gaps, and farewells after them.

Both are kept until the store has taken them. A farewell that were written before the gap in
somebody's last words would leave that gap untold if the server died between the two.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import replace
from datetime import datetime

from service.listening.heard import AudioGap
from service.listening.ports import HearingStore
from service.metrics import Metrics
from service.rooms.ports import RoomStore
from service.rooms.room import Speaker

_GAPS_WAITING = 10_000


class Unwritten:
    """Bounded: of a store that is away for long, each speaker's waiting gaps become one."""

    def __init__(self, rooms: RoomStore, hearing: HearingStore, metrics: Metrics) -> None:
        self._rooms = rooms
        self._hearing = hearing
        self._metrics = metrics
        self._gaps: deque[AudioGap] = deque()
        self._farewells: dict[tuple[str, str], tuple[Speaker, str, datetime]] = {}
        self._writing = asyncio.Lock()

    def gap(self, gap: AudioGap) -> None:
        self._metrics.gaps.labels(gap.reason.partition(":")[0]).inc()  # without its particulars
        self._metrics.gap_seconds.inc((gap.to_at - gap.from_at).total_seconds())
        if len(self._gaps) >= _GAPS_WAITING:  # the store has been gone for long
            gap = self._widened(gap)
        self._gaps.append(gap)

    def farewell(self, speaker: Speaker, reason: str, now: datetime) -> None:
        self._farewells[speaker.room_id, speaker.id] = (speaker, reason, now)

    def is_leaving(self, speaker: Speaker) -> bool:
        """The speaker's farewell is still to be written."""
        return (speaker.room_id, speaker.id) in self._farewells

    async def write(self) -> None:
        """Everything, the gaps first; what the store does not take is kept for the next time."""
        async with self._writing:
            await self._write_gaps()
            for key, farewell in list(self._farewells.items()):
                await self._rooms.speaker_left(*farewell)
                del self._farewells[key]

    async def _write_gaps(self) -> None:
        while self._gaps:
            gap = self._gaps.popleft()
            try:
                await self._hearing.gap(gap)
            except BaseException:
                self._gaps.appendleft(gap)
                raise

    def _widened(self, gap: AudioGap) -> AudioGap:
        """The speaker's last waiting gap and this one as one; it waits no more by itself."""
        for last in reversed(self._gaps):
            if (last.room_id, last.speaker_id) == (gap.room_id, gap.speaker_id):
                self._gaps.remove(last)
                return replace(last, to_at=max(last.to_at, gap.to_at))
        return gap
