"""The ears of all rooms: one `Ear` for each speaker, and `heard_until` of each.

An utterance is settled once it is on record or has become a gap. `heard_until` never passes an
unsettled utterance: after a crash, every word is either on record or lies after `heard_until`, and
so inside a gap.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import NoReturn

import structlog

from service.clock import Clock
from service.errors import StoreAway
from service.listening.events import AudioGap, HeardUntil
from service.listening.packet import Packet
from service.listening.ports import HearingStore
from service.metrics import Metrics
from service.rooms.absentees import Absentees
from service.rooms.clock_watch import Reading, read_clocks
from service.rooms.control import LevelsDisplay
from service.rooms.ear_choice import EarChoice
from service.rooms.ear_clock import EarClock
from service.rooms.ear_metrics import count_packets, measure_held_bytes
from service.rooms.ear_runner import EarRunner, MakeEar, OnUtterance
from service.rooms.listener import Key, Listener
from service.rooms.pending_records import Unwritten
from service.rooms.ports import RoomStore
from service.rooms.presence import Presences
from service.rooms.room import Room, Speaker, SpeakerLevels

log = structlog.get_logger()

_HOUSEKEEPING_S = 1.0
_LEVELS_S = 0.5
_SETTLE_S = 15.0
"""Longest wait for the last words of a speaker who leaves."""
_LATE = timedelta(seconds=1)
"""Delay between a speaker's arrival and hearing them from which it counts as a gap."""


class Ears:
    """Implements `RoomListener`; `run` owns its loops.

    Args:
        on_utterance: Receives each utterance; must return at once, and call `settle` or `lose`
            later.
        on_interim: Receives utterances that have not ended; must return at once.
        show_levels: Receives the levels for the live meters; must return at once.
        read_until: Returns the time before which every packet has been pushed, in monotonic
            seconds, from the time now. It lies behind after a stand-still of the process.
        read_clocks: Reads the process's clocks.
    """

    def __init__(
        self,
        *,
        make_ear: MakeEar,
        on_utterance: OnUtterance,
        on_interim: OnUtterance = lambda listener, utterance: None,
        show_levels: LevelsDisplay,
        rooms: RoomStore,
        hearing: HearingStore,
        metrics: Metrics,
        clock: Clock,
        read_until: Callable[[float], float] = lambda now_s: now_s,
        read_clocks: Callable[[], Reading] = read_clocks,
    ) -> None:
        self._show_levels = show_levels
        self._rooms = rooms
        self._hearing = hearing
        self._metrics = metrics
        self._clock = clock
        self._presences = Presences()
        self._unwritten = Unwritten(rooms, hearing, metrics)
        self._absentees = Absentees(self._presences, rooms, self._unwritten)
        self._runner = EarRunner(
            make_ear,
            on_utterance,
            on_interim,
            unwritten=self._unwritten,
            metrics=metrics,
            clock=clock,
        )
        self._choice = EarChoice(
            make_ear, self._runner, self._unwritten, metrics=metrics, clock=clock
        )
        self._time = EarClock(
            self._presences,
            self._runner,
            read_until=read_until,
            read_clocks=read_clocks,
            metrics=metrics,
            clock=clock,
        )
        self._settled = asyncio.Condition()
        metrics.speakers.set_function(lambda: len(self._presences.listeners()))

    async def resume(self) -> None:
        """Load the speakers whom an earlier run left live; call it before any room is joined."""
        for mark in await self._hearing.interrupted():
            self._presences.interrupt(mark.room_id, mark.speaker_id, mark.at)

    async def speaker_joined(self, speaker: Speaker, since: datetime | None = None) -> None:
        """Hear the speaker from now on.

        Args:
            since: Time of the speaker's arrival, where they could not be heard at once.
        """
        key = (speaker.room_id, speaker.id)
        async with self._absentees.lock(speaker.room_id):
            room = await self._rooms.get(speaker.room_id)
            if room is None:
                raise LookupError(f"room {speaker.room_id!r} is not on record")
            if self._unwritten.is_leaving(speaker):  # record the farewell before the return
                await self._unwritten.write(room.id)
            now = self._clock()
            gap_start = self._gap_start(key, since, now)
            ear = self._choice.make_ear_in(room, speaker.id, gap_start, now)
            leaving = self._presences.listener(*key)
            if leaving is None:
                await self._rooms.speaker_joined(speaker, now)
            else:
                await self._rooms.speaker_returned(speaker, "left and came back", now)
                leaving.back = True
            self._time.observe()
            unheard_since = self._time.outages.unheard_since(key)
            if unheard_since is not None and not ear.interrupted:
                ear.await_sound(unheard_since)
            before = leaving or self._presences.cut_off(*key)
            if before is not None and before.settled:
                before = None
            self._choice.add_gap_before_pause(ear, gap_start)
            self._presences.hear(Listener(ear, speaker, room, before))

    def _gap_start(self, key: Key, since: datetime | None, now: datetime) -> datetime | None:
        unheard_since = self._presences.unheard_since(*key)
        if unheard_since is None and since is not None and now - since > _LATE:
            return since
        return unheard_since

    async def speaker_left(self, speaker: Speaker, reason: str, *, cut_off: bool = False) -> None:
        """Stop hearing the speaker; record the farewell after their last words are settled.

        Until then a crash must find them live. A farewell that cannot be put on record is tried
        again every second. A speaker who comes back before that has not left on record.
        """
        listener = self._presences.listener(speaker.room_id, speaker.id)
        if listener is not None:
            listener.leaving = True
            self._close(listener, cut_off=cut_off)
            try:
                await self._wait_until_settled(listener)
            finally:  # also where the caller was cancelled
                if not listener.back:
                    self._presences.remove_listener(listener)
                    self._unwritten.add_farewell(speaker, reason, self._clock())
            if listener.back:
                return
        await self._write_farewells(speaker.room_id, self._unwritten.write)

    def _close(self, listener: Listener, *, cut_off: bool) -> None:
        """Give out a leaving speaker's last words."""
        self._time.observe()
        ear, now = listener.ear, self._clock()
        told_to_now = cut_off or ear.awaits_sound
        self._runner.run(listener, partial(ear.close, now, cut_off=cut_off))
        count_packets(listener, self._metrics)
        self._time.outages.note_left(
            listener.key, ear.heard_at, now if told_to_now else ear.heard_at
        )

    async def _wait_until_settled(self, listener: Listener) -> None:
        """Wait for the last words of a speaker; return early when the speaker is back."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SETTLE_S), self._settled:
                await self._settled.wait_for(lambda: not listener.unsettled or listener.back)

    async def speaker_changed(self, speaker: Speaker) -> bool:
        """Record the speaker's new name, role or mute; False where they are not heard."""
        listener = self._presences.listener(speaker.room_id, speaker.id)
        if listener is None:
            return False
        await self._rooms.speaker_joined(speaker, self._clock())
        listener.speaker = speaker
        return True

    async def room_changed(self, room: Room) -> None:
        """Apply the room's new description to its speakers; pause or resume listening.

        A pause gives out what was said up to now. The gap of the pause begins and ends with the
        calls that pause and resume.
        """
        async with self._absentees.lock(room.id):  # nobody joins under the old description
            for listener in self._presences.listeners_in(room.id):
                self._choice.change_room(listener, room)

    def room_lost(self, room_id: str) -> None:
        """Note that the room cannot be heard: its speakers stay live on record, unheard."""
        now = self._clock()
        for listener in self._presences.listeners_in(room_id):
            if listener.leaving:
                continue
            pending = listener.ear.interrupted
            self._runner.run(listener, partial(listener.ear.close, now))
            count_packets(listener, self._metrics)
            unheard_since = now if pending else listener.ear.unheard_since(now)
            gap_start = listener.ear.interrupted_at or unheard_since
            self._presences.interrupt(*listener.key, gap_start)

    def room_heard(self, room_id: str, present: Collection[str]) -> None:
        """Note that the room is heard again: unheard speakers who are not in it have left."""
        self._presences.mark_absent(room_id, present, self._clock())

    async def room_left(self, room_id: str, reason: str) -> None:
        """Stop hearing the room: all its speakers leave."""
        self.room_heard(room_id, ())
        async with asyncio.TaskGroup() as leaving:
            for listener in self._presences.listeners_in(room_id):
                leaving.create_task(
                    self.speaker_left(listener.speaker, reason), name="speaker leaves"
                )
        await self._write_farewells(room_id, self._absentees.give_up)

    async def _write_farewells(self, room_id: str, write: Callable[[str], Awaitable[None]]) -> None:
        """Write the farewells of a room; what fails is tried again every second."""
        try:
            await write(room_id)
        except Exception:
            self._metrics.failures.labels("farewell").inc()
            log.exception("ears.farewell_failed", room=room_id)

    def push(self, room_id: str, speaker_id: str, packet: Packet) -> None:
        listener = self._presences.listener(room_id, speaker_id)
        if listener is not None:
            arrived = self._time.arrival_of(packet)
            self._runner.run(listener, partial(listener.ear.push, packet, arrived))

    def levels(self, room_id: str) -> SpeakerLevels:
        """Return the level of each speaker of the room, and the ids of those who speak."""
        heard = self._presences.listeners_in(room_id)
        return SpeakerLevels(
            room_id,
            {one.speaker.id: round(one.ear.level_dbfs, 1) for one in heard},
            [one.speaker.id for one in heard if one.ear.speaking],
        )

    def speakers(self, room_id: str) -> Sequence[Speaker]:
        """Return the speakers of the room who are heard now."""
        return [one.speaker for one in self._presences.listeners_in(room_id)]

    async def settle(self, listener: Listener, utterance_id: str) -> None:
        """Note that the utterance is on record."""
        listener.unsettled.pop(utterance_id, None)
        async with self._settled:
            self._settled.notify_all()

    async def lose(self, listener: Listener, utterance_id: str, gap: AudioGap) -> None:
        """Record a gap in place of an utterance; it is written within about a second."""
        self._unwritten.add_gap(gap)
        await self.settle(listener, utterance_id)

    async def run(self) -> NoReturn:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._time.run(), name="ears tick")
            for seconds, act, name in (
                (_HOUSEKEEPING_S, self.flush, "ears heard_until"),
                (_HOUSEKEEPING_S, self._absentees.give_up, "ears gone"),
                (_LEVELS_S, self._report, "ears levels"),
            ):
                tasks.create_task(self._every(seconds, act), name=name)
        raise AssertionError("the loops never end by themselves")

    async def finish(self) -> None:
        """Give out all open utterances at a planned stop.

        Live speakers stay live on record, so that the next run records the gap.
        """
        now = self._clock()
        for listener in self._presences.listeners():
            self._runner.run(listener, partial(listener.ear.close, now))

    async def flush(self) -> None:
        """Write the waiting gaps and farewells, then `heard_until` of every speaker.

        In a room with unwritten gaps, `heard_until` stays where it is.

        Raises:
            Exception: The first error of the store.
        """
        listeners = self._presences.listeners()
        marks = [
            HeardUntil(*listener.key, listener.heard_until())
            for listener in listeners
            if not (listener.ear.interrupted or listener.ear.awaits_sound)
        ]
        measure_held_bytes(listeners, self._metrics)
        failed = await self._unwritten.write_all()
        await self._hearing.mark([mark for mark in marks if mark.room_id not in failed])
        for room_id, error in failed.items():
            log.warning("ears.not_written", room=room_id, error=type(error).__name__)
        if failed:
            raise next(iter(failed.values()))

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

    async def _report(self) -> None:
        """Count the packets of every track and show the levels of every room."""
        for listener in self._presences.listeners():
            count_packets(listener, self._metrics)
        for room_id in self._presences.heard_rooms():
            self._show_levels(self.levels(room_id), self._clock())
