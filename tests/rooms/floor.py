"""Ears on a simulated clock, with fakes of the stores behind them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from asr.speech import Utterance
from service.listening.ear import Ear
from service.listening.events import AudioGap, HeardUntil
from service.listening.packet import Packet
from service.metrics import Metrics
from service.rooms.clock_watch import Reading, read_clocks
from service.rooms.ears import Ears
from service.rooms.listener import Listener
from service.rooms.room import SpeakerLevels
from tests.listening.packets import arrivals, talk
from tests.listening.sound import loud
from tests.rooms.fakes import NOW, Hearing, Rooms, SetClock, a_room, a_speaker

CUT_OFF_AT = NOW - timedelta(seconds=30)


class Deaf(Ear):
    """Fails at every packet."""

    def push(self, packet: Packet, now: datetime) -> list[Utterance | AudioGap]:
        raise RuntimeError("a bad track")


class Blind(Ear):
    """Fails at every interim utterance."""

    def interim_utterance(self) -> Utterance | None:
        raise RuntimeError("a bad interim")


@dataclass
class Floor:
    """Ears with their utterances and the stores behind them.

    Attributes:
        cut: Utterances, with their listeners.
        shown: Levels that were shown.
        deaf: Speaker whose ear fails at every packet.
        blind: Speaker whose ear fails at every interim utterance.
    """

    clock: SetClock = field(default_factory=SetClock)
    rooms: Rooms = field(default_factory=lambda: Rooms({"lobby": a_room()}))
    hearing: Hearing = field(default_factory=Hearing)
    metrics: Metrics = field(default_factory=Metrics)
    cut: list[tuple[Listener, Utterance]] = field(default_factory=list)
    shown: list[SpeakerLevels] = field(default_factory=list)
    deaf: str = ""
    blind: str = ""

    def open(self, read_clocks: Callable[[], Reading] = read_clocks) -> Ears:
        return Ears(
            make_ear=self._make_ear,
            on_utterance=lambda listener, utterance: self.cut.append((listener, utterance)),
            show_levels=lambda levels, at: self.shown.append(levels),
            rooms=self.rooms,
            hearing=self.hearing,
            metrics=self.metrics,
            clock=self.clock,
            read_clocks=read_clocks,
        )

    def _make_ear(
        self, room_id: str, speaker_id: str, now: datetime, interrupted_at: datetime | None
    ) -> Ear:
        kind = {self.deaf: Deaf, self.blind: Blind}.get(speaker_id, Ear)
        return kind(room_id, speaker_id, vad=loud, now=now, interrupted_at=interrupted_at)

    def say(self, ears: Ears, *at_s: float, until_s: float, speaker: str = "ann") -> None:
        """Push the speaker's packets, each at its time on the clock."""
        started = self.clock.now
        for packet in arrivals(talk(*at_s, until_s=until_s)):
            self.clock.now = started + timedelta(seconds=packet.arrived_s - 1_000)
            ears.push("lobby", speaker, packet)

    @property
    def last_mark(self) -> float:
        """The last `heard_until`, in seconds after `NOW`."""
        return seconds(self.hearing.marks[-1].at)


def seconds(at: datetime) -> float:
    return (at - NOW).total_seconds()


@contextlib.asynccontextmanager
async def running(ears: Ears) -> AsyncIterator[None]:
    loops = asyncio.create_task(ears.run())
    try:
        yield
    finally:
        loops.cancel()
        await asyncio.wait([loops])


def cut_off(floor: Floor, *names: str) -> None:
    """Make an earlier run leave these speakers live, as if it was killed."""
    for name in names:
        floor.hearing.cut_off.append(HeardUntil("lobby", name, CUT_OFF_AT))
        floor.rooms.live["lobby", name] = a_speaker(name)


def last_utterance(floor: Floor) -> tuple[Listener, str]:
    """Return the last utterance's listener and id, as `Ears.settle` takes them."""
    listener, utterance = floor.cut[-1]
    return listener, utterance.id
