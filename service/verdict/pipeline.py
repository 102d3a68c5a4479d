"""From utterance to commit, in one verdict lane per room.

    packet -> Ear -> utterance -> WorkQueue -> transcript -> lane -> Judge -> one commit

`rooms.ears` turns packets into utterances. Here each utterance goes to the recogniser, its result
into the lane of its room, and from there to the judge or into a gap. Interim transcripts take the
same path to `ProvisionalAlerts`. Feed and webhooks read what is committed from the event log:
nothing here calls them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import assert_never

import structlog

from asr.speech import Transcript, Unheard, Utterance, WorkClass
from asr.work_queue import WorkQueue
from service.clock import Clock
from service.errors import StoreAway
from service.listening.events import AudioGap
from service.metrics import Metrics
from service.rooms.ears import Ears
from service.rooms.listener import Listener
from service.verdict.judge import Judge
from service.verdict.lanes import RoomLanes
from service.verdict.overload import Lag
from service.verdict.provisional_alerts import ProvisionalAlerts
from service.verdict.recent_matches import Heat

log = structlog.get_logger()

LANE_CAPACITY = 200
"""Results that may wait for their verdict in one room: minutes of talk."""
VERDICT_BACKLOG = "verdict_backlog"
"""Reason of the gap in place of an utterance that a full lane dropped."""
NOT_RECORDED = "it could not be put on record"


@dataclass(frozen=True, slots=True)
class _Final:
    """A final transcript, and its utterance without the sound."""

    listener: Listener
    utterance: Utterance
    transcript: Transcript


@dataclass(frozen=True, slots=True)
class _Lost:
    """An utterance that got no transcript, with the gap in its place."""

    listener: Listener
    utterance: Utterance
    gap: AudioGap


@dataclass(frozen=True, slots=True)
class _Interim:
    """An interim transcript."""

    transcript: Transcript


_Item = _Final | _Lost | _Interim


@dataclass(frozen=True, slots=True)
class _Unsettled:
    """An utterance on its way from the ear to its commit or gap."""

    listener: Listener
    utterance: Utterance
    ended_at: datetime


class Pipeline:
    """From utterance to commit. Wire `queue_utterance` as `Ears`' `on_utterance`, then `run`.

    A lane keeps the order in which the utterances of its room were transcribed. Only that lane
    waits while something of the room cannot be stored.

    Args:
        lane_capacity: Results that may wait in one room's lane.
    """

    def __init__(
        self,
        *,
        queue: WorkQueue,
        judge: Judge,
        provisional: ProvisionalAlerts,
        heat: Heat,
        metrics: Metrics,
        clock: Clock,
        lane_capacity: int = LANE_CAPACITY,
    ) -> None:
        self._queue = queue
        self._judge = judge
        self._provisional = provisional
        self._heat = heat
        self._metrics = metrics
        self._clock = clock
        self._lane_capacity = lane_capacity
        # An entry goes in the same step in which its utterance is settled or lost: an utterance
        # that is queued twice finds its entry here, or begins anew.
        self._unsettled: dict[str, _Unsettled] = {}
        metrics.waiting.set_function(queue.waiting)
        metrics.overload_rung.set_function(lambda: queue.rung)

    def queue_utterance(self, listener: Listener, utterance: Utterance) -> None:
        """Have an utterance that an ear cut transcribed."""
        if utterance.id in self._unsettled:  # queued twice: the first settles both
            return
        hot = self._heat.is_room_hot(utterance.room_id, self._clock())
        work = WorkClass.HOT_FINAL if hot else WorkClass.FINAL
        utterance = replace(utterance, languages=listener.room.languages, work=work)
        self._unsettled[utterance.id] = _Unsettled(listener, utterance, utterance.ended_at)
        self._queue.put(utterance)

    def lag(self, now: datetime) -> Lag:
        """Return the lag of the verdicts behind the speech."""
        oldest = min((each.ended_at for each in self._unsettled.values()), default=now)
        behind_s = max(0.0, (now - oldest).total_seconds())
        return Lag(behind_s, len(self._unsettled), self._queue.rung)

    def hurry(self) -> None:
        """Stop waiting for a store that is away: the server is stopping."""
        self._judge.hurry()

    async def run(self, ears: Ears) -> None:
        """Follow the recogniser's results until its queue is closed and every lane is empty."""
        async with asyncio.TaskGroup() as tasks:
            lanes: RoomLanes[_Item] = RoomLanes(
                tasks,
                partial(self._process, ears),
                expendable=lambda item: isinstance(item, _Interim),
                capacity=self._lane_capacity,
            )
            async for result in self._queue.results():
                item = self._item(result)
                if item is None:
                    continue
                dropped = lanes.put(_room_of(item), item)
                if dropped is not None:
                    await self._drop(ears, dropped)

    def _item(self, result: Transcript | Unheard) -> _Item | None:
        """Return the work that a result means; None for an interim transcript that failed."""
        match result:
            case Transcript(revision=revision) if revision:
                return _Interim(result)
            case Unheard(Utterance(revision=revision)) if revision:
                return None
            case Transcript():
                known = self._release_sound(result.utterance_id)
                return _Final(known.listener, known.utterance, result) if known else None
            case Unheard(utterance, reason):
                gap = AudioGap.in_place_of(utterance, reason)
                known = self._release_sound(utterance.id)
                return _Lost(known.listener, known.utterance, gap) if known else None
            case _:
                assert_never(result)

    def _release_sound(self, utterance_id: str) -> _Unsettled | None:
        """Drop the sound of a transcribed utterance, which lanes would hold in memory."""
        waiting = self._unsettled.get(utterance_id)
        if waiting is None:
            self._metrics.failures.labels("result").inc()
            log.error("pipeline.result_of_nothing", utterance=utterance_id)
            return None
        silent = replace(waiting, utterance=replace(waiting.utterance, pcm=b""))
        self._unsettled[utterance_id] = silent
        return silent

    async def _process(self, ears: Ears, item: _Item) -> None:
        """Process one item of a lane; never raises."""
        match item:
            case _Interim(transcript):
                await self._guard(self._provisional.judge_interim(transcript))
            case _Final(listener, utterance, transcript):
                await self._judge_or_lose(ears, listener, utterance, transcript)
            case _Lost(listener, utterance, gap):
                await self._lose(ears, listener, utterance, gap)
            case _:
                assert_never(item)
        await self._guard(self._provisional.settle_unended(_room_of(item)))

    async def _judge_or_lose(
        self, ears: Ears, listener: Listener, utterance: Utterance, transcript: Transcript
    ) -> None:
        try:
            await self._judge.judge_utterance(listener, utterance, transcript)
        except Exception as error:
            self._metrics.failures.labels("verdict").inc()
            if isinstance(error, StoreAway):
                log.error("pipeline.verdict_failed", utterance=utterance.id, why="store away")
            else:
                log.exception("pipeline.verdict_failed", utterance=utterance.id)
            gap = _gap_of(utterance, transcript, NOT_RECORDED)
            await self._lose(ears, listener, utterance, gap)
        else:
            self._unsettled.pop(utterance.id, None)
            await ears.settle(listener, utterance.id)

    async def _drop(self, ears: Ears, item: _Item) -> None:
        """Put a gap in place of an item that a full lane dropped; an interim one needs none."""
        match item:
            case _Interim():
                pass
            case _Final(listener, utterance, transcript):
                log.warning("pipeline.verdict_backlog", utterance=utterance.id)
                gap = _gap_of(utterance, transcript, VERDICT_BACKLOG)
                await self._lose(ears, listener, utterance, gap)
            case _Lost(listener, utterance, gap):
                await self._lose(ears, listener, utterance, gap)
            case _:
                assert_never(item)

    async def _lose(
        self, ears: Ears, listener: Listener, utterance: Utterance, gap: AudioGap
    ) -> None:
        self._unsettled.pop(utterance.id, None)
        self._judge.lose_utterance(utterance)
        await ears.lose(listener, utterance.id, gap)

    async def _guard(self, work: Awaitable[None]) -> None:
        """Outlive a failure about interim transcripts: it costs no words."""
        try:
            await work
        except Exception:
            self._metrics.failures.labels("provisional").inc()
            log.exception("pipeline.provisional_failed")


def _room_of(item: _Item) -> str:
    return item.transcript.room_id if isinstance(item, _Interim) else item.utterance.room_id


def _gap_of(utterance: Utterance, transcript: Transcript, reason: str) -> AudioGap:
    """Return the gap in place of an utterance whose sound was dropped."""
    return AudioGap(
        utterance.room_id,
        utterance.speaker_id,
        utterance.started_at,
        transcript.ended_at,
        reason,
    )
