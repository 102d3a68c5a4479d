"""Everybody who is heard now: one `Ear` for each speaker, and how far each has been heard.

What a speaker said is settled once its utterance is on record or has become a gap. `heard_until`
never passes an unsettled utterance, so that a crash at any moment leaves nothing between the two.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import NoReturn

import structlog

from asr.speech import Utterance
from service.clock import Clock
from service.errors import StoreAway
from service.listening.ear import INTERRUPTED, Ear, EarCounters
from service.listening.heard import AudioGap, HeardUntil
from service.listening.packet import Packet
from service.listening.ports import HearingStore
from service.metrics import Metrics
from service.rooms.ports import RoomStore
from service.rooms.room import Room, Speaker, SpeakerLevels

log = structlog.get_logger()

_TICK_S = 0.02
_MARK_S = 1.0
_LEVELS_S = 0.5
_SETTLE_S = 15.0
"""How long a leaving speaker's last words are waited for."""
_GAPS_WAITING = 10_000

Key = tuple[str, str]
"""Room and speaker."""


@dataclass(slots=True, eq=False)
class Listener:
    """A speaker who is heard now, and the starts of their unsettled utterances by id."""

    ear: Ear
    speaker: Speaker
    room: Room
    unsettled: dict[str, datetime] = field(default_factory=dict)
    counted: EarCounters = field(default_factory=EarCounters)
    """What of the ear's counters is in the metrics already."""
    failed: bool = False

    @property
    def key(self) -> Key:
        return (self.speaker.room_id, self.speaker.id)

    def heard_until(self) -> datetime:
        return min([self.ear.heard_until(), *self.unsettled.values()])


class Ears:
    """Implements `RoomListener`; `run` owns its loops.

    Args:
        make_ear: Room, speaker, now and the end of what was heard before an interruption, if
            there was one.
        on_utterance: Takes what was cut; must return at once, and call `settle` or `lose` later.
        show_levels: Takes what the live meters show; must return at once.
        return_s: How long a speaker who was cut off by our restart may stay away before the gap
            is closed.
    """

    def __init__(
        self,
        *,
        make_ear: Callable[[str, str, datetime, datetime | None], Ear],
        on_utterance: Callable[[Listener, Utterance], None],
        show_levels: Callable[[SpeakerLevels], None],
        rooms: RoomStore,
        hearing: HearingStore,
        metrics: Metrics,
        clock: Clock,
        return_s: float = 60.0,
    ) -> None:
        self._make_ear = make_ear
        self._on_utterance = on_utterance
        self._show_levels = show_levels
        self._rooms = rooms
        self._hearing = hearing
        self._metrics = metrics
        self._clock = clock
        self._return_s = return_s
        self._listeners: dict[Key, Listener] = {}
        self._rooms_heard: dict[str, dict[str, Listener]] = {}
        self._interrupted: dict[Key, datetime] = {}
        self._arriving = asyncio.Lock()
        self._gaps: deque[AudioGap] = deque()
        self._farewells: dict[Key, tuple[Speaker, str, datetime]] = {}
        self._writing = asyncio.Lock()
        self._settled = asyncio.Condition()
        metrics.speakers.set_function(lambda: len(self._listeners))

    async def resume(self) -> None:
        """Learn whom an earlier run was cut off from; before any room is joined."""
        for mark in await self._hearing.interrupted():
            self._interrupted[mark.room_id, mark.speaker_id] = mark.at

    async def speaker_joined(self, speaker: Speaker) -> None:
        room = await self._rooms.get(speaker.room_id)
        if room is None:
            raise LookupError(f"room {speaker.room_id!r} is not on record")
        key = (speaker.room_id, speaker.id)
        async with self._arriving:
            if key in self._farewells:  # they have left on record before they come again
                await self._write_farewells()
            now = self._clock()
            ear = self._make_ear(*key, now, self._interrupted.get(key))
            await self._rooms.speaker_joined(speaker, now)
            self._interrupted.pop(key, None)
            listener = self._listeners[key] = Listener(ear, speaker, room)
            self._rooms_heard.setdefault(room.id, {})[speaker.id] = listener

    async def speaker_left(self, speaker: Speaker, reason: str, *, cut_off: bool = False) -> None:
        """Their last words are settled first: until then a crash must find them live.

        A farewell that cannot be put on record is tried again every second.
        """
        listener = self._listeners.get((speaker.room_id, speaker.id))
        if listener is not None:
            self._take(listener, partial(listener.ear.close, self._clock(), cut_off=cut_off))
            self._count(listener)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_SETTLE_S), self._settled:
                    await self._settled.wait_for(lambda: not listener.unsettled)
            self._forget(listener)
        self._farewells[speaker.room_id, speaker.id] = (speaker, reason, self._clock())
        try:
            await self._write_farewells()
        except Exception:
            self._metrics.failures.labels("farewell").inc()
            log.exception("ears.farewell_failed", room=speaker.room_id)

    async def speaker_changed(self, speaker: Speaker) -> bool:
        """Their name or role is another now; False where they are not heard."""
        listener = self._listeners.get((speaker.room_id, speaker.id))
        if listener is None:
            return False
        await self._rooms.speaker_joined(speaker, self._clock())
        listener.speaker = speaker
        return True

    def push(self, room_id: str, speaker_id: str, packet: Packet) -> None:
        listener = self._listeners.get((room_id, speaker_id))
        if listener is not None:
            self._take(listener, partial(listener.ear.push, packet, self._clock()))

    def levels(self, room_id: str) -> SpeakerLevels:
        """How loud each speaker of the room is now, and who speaks."""
        heard = self._in(room_id)
        return SpeakerLevels(
            room_id,
            {one.speaker.id: round(one.ear.level_dbfs, 1) for one in heard},
            [one.speaker.id for one in heard if one.ear.speaking],
        )

    def speakers(self, room_id: str) -> Sequence[Speaker]:
        """Who is heard in the room now."""
        return [one.speaker for one in self._in(room_id)]

    def _in(self, room_id: str) -> Collection[Listener]:
        return self._rooms_heard.get(room_id, {}).values()

    async def settle(self, listener: Listener, utterance_id: str) -> None:
        """The utterance is on record."""
        listener.unsettled.pop(utterance_id, None)
        async with self._settled:
            self._settled.notify_all()

    async def lose(self, listener: Listener, utterance: Utterance, reason: str) -> None:
        """The utterance will not be on record: a gap, written within a second."""
        self._lost(AudioGap(*listener.key, utterance.started_at, utterance.ended_at, reason))
        await self.settle(listener, utterance.id)

    async def run(self) -> NoReturn:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tick(), name="ears tick")
            tasks.create_task(self._every(_MARK_S, self._mark), name="ears heard_until")
            tasks.create_task(self._every(_LEVELS_S, self._meters), name="ears levels")
            tasks.create_task(self._give_up_waiting(), name="ears interrupted")
        raise AssertionError("the loops never end by themselves")

    async def finish(self) -> None:
        """At a planned stop: what is open ends here, and who is live stays marked as live, so
        that the next run tells of the gap."""
        now = self._clock()
        for listener in list(self._listeners.values()):
            self._take(listener, partial(listener.ear.close, now))

    async def flush(self) -> None:
        """Write how far everybody has been heard."""
        await self._mark()

    def _take(self, listener: Listener, act: Callable[[], Sequence[Utterance | AudioGap]]) -> None:
        """Let the ear do something, and send on what it completes; a bad track harms no other."""
        try:
            for item in act():
                if isinstance(item, AudioGap):
                    self._lost(item)
                else:
                    listener.unsettled[item.id] = item.started_at
                    self._metrics.utterances.inc()
                    self._on_utterance(listener, item)
        except Exception:
            self._metrics.failures.labels("ear").inc()
            if not listener.failed:  # once for a track, which may fail with every packet
                log.exception("ears.track_failed", room=listener.room.id)
            listener.failed = True

    def _lost(self, gap: AudioGap) -> None:
        self._metrics.gaps.labels(gap.reason).inc()
        self._metrics.gap_seconds.inc((gap.to_at - gap.from_at).total_seconds())
        if len(self._gaps) >= _GAPS_WAITING:  # the store has been gone for long
            gap = self._widened(gap)
        self._gaps.append(gap)

    def _widened(self, gap: AudioGap) -> AudioGap:
        """The speaker's last waiting gap and this one as one; it waits no more by itself."""
        for last in reversed(self._gaps):
            if (last.room_id, last.speaker_id) == (gap.room_id, gap.speaker_id):
                self._gaps.remove(last)
                return replace(last, to_at=max(last.to_at, gap.to_at))
        return gap

    def _forget(self, listener: Listener) -> None:
        if self._listeners.get(listener.key) is not listener:
            return
        del self._listeners[listener.key]
        here = self._rooms_heard[listener.room.id]
        del here[listener.speaker.id]
        if not here:
            del self._rooms_heard[listener.room.id]

    async def _tick(self) -> NoReturn:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_TICK_S)
            now_s, now = loop.time(), self._clock()
            for listener in list(self._listeners.values()):
                self._take(listener, partial(listener.ear.tick, now_s, now))

    async def _every(self, seconds: float, act: Callable[[], Awaitable[None]]) -> NoReturn:
        while True:
            await asyncio.sleep(seconds)
            try:
                await act()
            except StoreAway:
                self._metrics.failures.labels("housekeeping").inc()
                log.warning("ears.store_away")
            except Exception:
                self._metrics.failures.labels("housekeeping").inc()
                log.exception("ears.housekeeping_failed")

    async def _mark(self) -> None:
        marks = [
            HeardUntil(*listener.key, listener.heard_until())
            for listener in self._listeners.values()
            if not listener.ear.interrupted
        ]
        await self._write_farewells()
        await self._hearing.mark(marks)

    async def _write_farewells(self) -> None:
        """The gaps first, some of which may be in somebody's last words."""
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

    def _count(self, listener: Listener) -> None:
        """Carry the ear's counters over into the metrics."""
        now, before = listener.ear.counters, listener.counted
        self._metrics.packets.inc(now.packets - before.packets)
        self._metrics.packets_lost.inc(now.lost - before.lost)
        self._metrics.packets_bad.inc(now.bad - before.bad)
        listener.counted = replace(now)

    async def _meters(self) -> None:
        for listener in self._listeners.values():
            self._count(listener)
        for room_id in self._rooms_heard:
            self._show_levels(self.levels(room_id))

    async def _give_up_waiting(self) -> None:
        """Who did not come back after our restart: the gap ends, and they have left."""
        await asyncio.sleep(self._return_s)
        while self._interrupted:
            try:
                for key in list(self._interrupted):
                    await self._give_up(*key)
            except Exception:
                self._metrics.failures.labels("housekeeping").inc()
                log.exception("ears.housekeeping_failed")
                await asyncio.sleep(_MARK_S)

    async def _give_up(self, room_id: str, speaker_id: str) -> None:
        async with self._arriving:
            from_at = self._interrupted.get((room_id, speaker_id))
            if from_at is None:  # they have come back
                return
            now = self._clock()
            await self._hearing.gap(AudioGap(room_id, speaker_id, from_at, now, INTERRUPTED))
            for speaker in await self._rooms.speakers(room_id, live_only=True):
                if speaker.id == speaker_id:
                    await self._rooms.speaker_left(speaker, "did not come back", now)
            del self._interrupted[room_id, speaker_id]
