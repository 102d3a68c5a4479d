"""Everybody who is heard now: one `Ear` for each speaker, and how far each has been heard.

What a speaker said is settled once its utterance is on record or has become a gap. `heard_until`
never passes an unsettled utterance, so that a crash at any moment leaves nothing between the two.

Whoever could not be heard for a while, because the server was down or the way to the room was
lost, stays live on record. Their gap ends with the first words heard again, or when it is known
that they have left meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import NoReturn
from weakref import WeakValueDictionary

import structlog

from asr.speech import Utterance
from service.beat import until_beat
from service.clock import Clock
from service.errors import StoreAway
from service.listening.counters import EarCounters
from service.listening.ear import INTERRUPTED, Ear
from service.listening.heard import AudioGap, HeardUntil
from service.listening.packet import Packet
from service.listening.ports import HearingStore
from service.metrics import Metrics
from service.rooms.control import LevelsDisplay
from service.rooms.listener import Key, Listener
from service.rooms.ports import RoomStore
from service.rooms.room import Speaker, SpeakerLevels
from service.rooms.unwritten import Unwritten

log = structlog.get_logger()

_STALL_S = 0.06
"""A tick so late: the loop stood still, and what came meanwhile is not with the ears yet."""
_HOUSEKEEPING_S = 1.0
_LEVELS_S = 0.5
_SETTLE_S = 15.0
"""How long a leaving speaker's last words are waited for."""
_LATE = timedelta(seconds=1)
"""Whoever is heard so long after they came may have said something unheard."""
_LONGEST_UNTOLD = timedelta(seconds=10)
"""A track whose ear breaks again and again is a gap each time so much has gone unheard."""


class Ears:
    """Implements `RoomListener`; `run` owns its loops.

    Args:
        make_ear: Room, speaker, now and the end of what was heard before an interruption, if
            there was one.
        on_utterance: Takes what was cut; must return at once, and call `settle` or `lose` later.
        on_glimpse: Takes looks at speech that goes on; must return at once.
        show_levels: Takes what the live meters show; must return at once.
    """

    def __init__(
        self,
        *,
        make_ear: Callable[[str, str, datetime, datetime | None], Ear],
        on_utterance: Callable[[Listener, Utterance], None],
        on_glimpse: Callable[[Listener, Utterance], None] = lambda listener, utterance: None,
        show_levels: LevelsDisplay,
        rooms: RoomStore,
        hearing: HearingStore,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._make_ear = make_ear
        self._on_utterance = on_utterance
        self._on_glimpse = on_glimpse
        self._show_levels = show_levels
        self._rooms = rooms
        self._hearing = hearing
        self._metrics = metrics
        self._clock = clock
        self._listeners: dict[Key, Listener] = {}
        self._rooms_heard: dict[str, dict[str, Listener]] = {}
        self._interrupted: dict[Key, datetime] = {}
        """Since when each has gone unheard."""
        self._cut_off: dict[Key, Listener] = {}
        """Of these, who was heard in this run, with words that may not be settled."""
        self._gone: dict[Key, datetime] = {}
        """Of these, who is known not to be in the room any more, and since when that is known."""
        self._arriving: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._unwritten = Unwritten(rooms, hearing, metrics)
        self._settled = asyncio.Condition()
        metrics.speakers.set_function(lambda: len(self._listeners))

    async def resume(self) -> None:
        """Learn whom an earlier run was cut off from; before any room is joined."""
        for mark in await self._hearing.interrupted():
            self._interrupted[mark.room_id, mark.speaker_id] = mark.at

    async def speaker_joined(self, speaker: Speaker, since: datetime | None = None) -> None:
        """Hear the speaker from now on.

        Args:
            since: When they came, where they could not be heard at once.
        """
        room = await self._rooms.get(speaker.room_id)
        if room is None:
            raise LookupError(f"room {speaker.room_id!r} is not on record")
        key = (speaker.room_id, speaker.id)
        async with self._arriving_in(room.id):
            if self._unwritten.is_leaving(speaker):
                await self._unwritten.write(
                    room.id
                )  # they have left on record before they come again
            now = self._clock()
            unheard_since = self._interrupted.get(key)
            if unheard_since is None and since is not None and now - since > _LATE:
                unheard_since = since
            ear = self._make_ear(*key, now, unheard_since)
            leaving = self._listeners.get(key)
            if leaving is None:
                await self._rooms.speaker_joined(speaker, now)
            else:
                await self._rooms.speaker_returned(speaker, "left and came back", now)
                leaving.back = True
            before = leaving or self._cut_off.pop(key, None)
            if before is not None and before.settled:
                before = None
            self._interrupted.pop(key, None)
            self._gone.pop(key, None)
            listener = self._listeners[key] = Listener(ear, speaker, room, before)
            self._rooms_heard.setdefault(room.id, {})[speaker.id] = listener

    async def speaker_left(self, speaker: Speaker, reason: str, *, cut_off: bool = False) -> None:
        """Their last words are settled first: until then a crash must find them live.

        A farewell that cannot be put on record is tried again every second. Whoever comes back
        meanwhile has never been away on record.
        """
        listener = self._listeners.get((speaker.room_id, speaker.id))
        if listener is not None:
            listener.leaving = True
            self._take(listener, partial(listener.ear.close, self._clock(), cut_off=cut_off))
            self._count(listener)
            try:
                await self._last_words(listener)
            finally:  # also where nobody waits for it any more
                if not listener.back:
                    self._forget(listener)
                    self._unwritten.farewell(speaker, reason, self._clock())
            if listener.back:
                return
        try:
            await self._unwritten.write(speaker.room_id)
        except Exception:
            self._metrics.failures.labels("farewell").inc()
            log.exception("ears.farewell_failed", room=speaker.room_id)

    async def _last_words(self, listener: Listener) -> None:
        """Returns once they are settled, or the speaker is back."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SETTLE_S), self._settled:
                await self._settled.wait_for(lambda: not listener.unsettled or listener.back)

    async def speaker_changed(self, speaker: Speaker) -> bool:
        """Their name, role or mute is another now; False where they are not heard."""
        listener = self._listeners.get((speaker.room_id, speaker.id))
        if listener is None:
            return False
        await self._rooms.speaker_joined(speaker, self._clock())
        listener.speaker = speaker
        return True

    def room_lost(self, room_id: str) -> None:
        """The way to the room is lost: its speakers stay live on record, and go unheard."""
        now = self._clock()
        for listener in [one for one in self._in(room_id) if not one.leaving]:
            pending = listener.ear.interrupted
            self._take(listener, partial(listener.ear.close, now))
            self._count(listener)
            self._forget(listener)
            self._cut_off[listener.key] = listener
            unheard_since = now if pending else listener.ear.unheard_since(now)
            self._interrupted[listener.key] = listener.ear.interrupted_at or unheard_since

    def room_heard(self, room_id: str, present: Collection[str]) -> None:
        """The room is heard, and these are in it: whoever else was live before has left."""
        now = self._clock()
        for key in self._interrupted:
            if key[0] == room_id and key[1] not in present:
                self._gone[key] = now

    async def room_left(self, room_id: str, reason: str) -> None:
        """Nothing is heard of the room any more: all its speakers leave."""
        self.room_heard(room_id, ())
        here = list(self._in(room_id))
        async with asyncio.TaskGroup() as leaving:
            for listener in here:
                leaving.create_task(
                    self.speaker_left(listener.speaker, reason), name="speaker leaves"
                )
        try:
            await self._let_go(room_id)
        except Exception:  # tried again every second
            self._metrics.failures.labels("farewell").inc()
            log.exception("ears.farewell_failed", room=room_id)

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

    async def lose(self, listener: Listener, utterance_id: str, gap: AudioGap) -> None:
        """Put a gap in place of an utterance that will not be on record; written in a second."""
        self._unwritten.gap(gap)
        await self.settle(listener, utterance_id)

    async def run(self) -> NoReturn:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tick(), name="ears tick")
            for seconds, act, name in (
                (_HOUSEKEEPING_S, self._mark, "ears heard_until"),
                (_HOUSEKEEPING_S, self._let_go, "ears gone"),
                (_LEVELS_S, self._meters, "ears levels"),
            ):
                tasks.create_task(self._every(seconds, act), name=name)
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
                    self._unwritten.gap(item)
                else:
                    listener.unsettled[item.id] = item.started_at
                    self._metrics.utterances.inc()
                    self._on_utterance(listener, item)
        except Exception:
            self._metrics.failures.labels("ear").inc()
            if not listener.failed:  # once for a track, which may fail with every packet
                log.exception("ears.track_failed", room=listener.room.id)
            listener.failed = True
            with contextlib.suppress(Exception):  # which was logged already
                self._begin_anew(listener)

    def _begin_anew(self, listener: Listener) -> None:
        """What a broken ear had not given out, and what no ear hears after it, is a gap."""
        now, broken = self._clock(), listener.ear
        since = broken.interrupted_at or broken.heard_until()
        if listener.leaving or now - since >= _LONGEST_UNTOLD:
            self._unwritten.gap(AudioGap(*listener.key, since, max(since, now), INTERRUPTED))
            since = now
        self._count(listener)
        listener.counted = EarCounters()
        listener.ear = self._make_ear(*listener.key, now, None if listener.leaving else since)

    def _glimpse(self, listener: Listener) -> None:
        if listener.failed or listener.leaving:
            return
        try:
            glimpse = listener.ear.glimpse()
            if glimpse is not None:
                self._on_glimpse(listener, glimpse)
        except Exception:  # a look is no loss
            self._metrics.failures.labels("ear").inc()
            log.exception("ears.glimpse_failed", room=listener.room.id)
            listener.failed = True

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
        before_s, waited = loop.time(), False
        while True:
            await asyncio.sleep(until_beat(loop.time()))
            now_s, now = loop.time(), self._clock()
            stalled, before_s = now_s - before_s >= _STALL_S, now_s
            waited = stalled and not waited  # once: a loop that is always late must go on
            if waited:
                continue
            for listener in list(self._listeners.values()):
                self._take(listener, partial(listener.ear.tick, now_s, now))
                self._glimpse(listener)

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
        held = [listener.ear.held_bytes for listener in self._listeners.values()]
        self._metrics.held_bytes.set(sum(held))
        self._metrics.held_bytes_most.set(max(held, default=0))
        kept = await self._unwritten.write_all()
        await self._hearing.mark([mark for mark in marks if mark.room_id not in kept])
        for room_id, error in kept.items():
            log.warning("ears.not_written", room=room_id, error=type(error).__name__)
        if kept:
            raise next(iter(kept.values()))

    def _count(self, listener: Listener) -> None:
        """Carry the ear's counters over into the metrics."""
        now, before = listener.ear.counters, listener.counted
        self._metrics.packets.inc(now.packets - before.packets)
        self._metrics.packets_lost.inc(now.lost - before.lost)
        self._metrics.packets_bad.inc(now.bad - before.bad)
        self._metrics.packets_silent.inc(now.silent - before.silent)
        # What is called late at first may be the beginning of a new stream, and is called so then.
        self._metrics.packets_late.inc(max(0, now.late - before.late))
        self._metrics.packets_duplicate.inc(now.duplicate - before.duplicate)
        self._metrics.not_speech.labels("no speech in it").inc(now.noise - before.noise)
        self._metrics.not_speech.labels("too short").inc(now.clicks - before.clicks)
        if now.lies > before.lies:
            self._metrics.level_lies.inc()
            log.warning("ears.level_lies", room=listener.room.id, speaker=listener.speaker.id)
        listener.counted = now

    async def _meters(self) -> None:
        for listener in self._listeners.values():
            self._count(listener)
        for room_id in self._rooms_heard:
            self._show_levels(self.levels(room_id), self._clock())

    async def _let_go(self, room_id: str | None = None) -> None:
        """Give up whoever was not there any more when hearing came back.

        Args:
            room_id: Of one room; None: of all, of which none waits for another to be written.
        """
        errors: dict[str, Exception] = {}
        for (room, speaker_id), at in list(self._gone.items()):
            if room_id not in (None, room) or room in errors:
                continue
            try:
                async with self._arriving_in(room):
                    if (room, speaker_id) in self._gone:
                        await self._give_up(room, speaker_id, at)
            except Exception as error:  # noqa: BLE001 - raised below
                errors[room] = error
        if errors:
            raise next(iter(errors.values()))

    def _arriving_in(self, room_id: str) -> asyncio.Lock:
        """Held while a speaker of the room comes or is given up."""
        return self._arriving.setdefault(room_id, asyncio.Lock())

    async def _give_up(self, room_id: str, speaker_id: str, at: datetime) -> None:
        from_at = self._interrupted[room_id, speaker_id]
        live = await self._rooms.speakers(room_id, live_only=True)
        self._unwritten.gap(AudioGap(room_id, speaker_id, from_at, max(at, from_at), INTERRUPTED))
        del self._interrupted[room_id, speaker_id], self._gone[room_id, speaker_id]
        self._cut_off.pop((room_id, speaker_id), None)
        for speaker in live:
            if speaker.id == speaker_id:
                self._unwritten.farewell(speaker, "did not come back", at)
        await self._unwritten.write(room_id)
