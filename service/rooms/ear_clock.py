"""Time of the ears: packets as they arrived, beats, outages and steps of the wall clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import NoReturn

from service.beat import until_beat
from service.clock import Clock
from service.listening.packet import Packet
from service.metrics import Metrics
from service.rooms.clock_watch import Reading
from service.rooms.ear_runner import EarRunner
from service.rooms.outages import Outages
from service.rooms.presence import Presences

_STALL_S = 0.06
"""Delay of a tick that shows that the event loop stood still. Packets that came meanwhile have not
reached the ears yet."""


class EarClock:
    """Lets time pass for all ears; `run` owns the beat.

    Attributes:
        outages: Outages of this process so far.

    Args:
        read_until: Returns the time before which every packet has been pushed, in monotonic
            seconds, from the time now. It lies behind after a stand-still of the process.
        read_clocks: Reads the process's clocks.
    """

    def __init__(
        self,
        presences: Presences,
        runner: EarRunner,
        *,
        read_until: Callable[[float], float],
        read_clocks: Callable[[], Reading],
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._presences = presences
        self._runner = runner
        self._read_until = read_until
        self._clock = clock
        self.outages = Outages(metrics, clock, read_clocks)

    def arrival_of(self, packet: Packet) -> datetime:
        """Return the wall time at which the packet came, however late it is read."""
        now_s, now = time.monotonic(), self._clock()
        waited_s = min(now_s - packet.arrived_s, now_s - self._read_until(now_s))
        return now - timedelta(seconds=waited_s) if waited_s > 0 else now

    def observe(self) -> None:
        """Tell the ears of an outage that has just ended, and of a step of the wall clock."""
        before = self.outages.last
        step, outage = self.outages.observe(), self.outages.last
        if not step and outage is before:
            return
        for listener in self._presences.listeners():
            listener.ear.shift_clock(step)
            if outage is not None:
                listener.ear.note_outage(outage.from_at, outage.to_at)

    async def run(self) -> NoReturn:
        """Tick all ears on every beat, as far as their packets have been read."""
        loop = asyncio.get_running_loop()
        before_s, waited = loop.time(), False
        while True:
            await asyncio.sleep(until_beat(loop.time()))
            now_s, now = loop.time(), self._clock()
            stalled, before_s = now_s - before_s >= _STALL_S, now_s
            waited = stalled and not waited  # once: a loop that is always late must go on
            self.observe()
            if waited:
                continue
            read_until_s = self._read_until(now_s)
            behind = read_until_s < now_s  # packets wait unread, so the ears' time goes on slowly
            read_until = now - timedelta(seconds=now_s - read_until_s) if behind else now
            for listener in self._presences.listeners():
                self._runner.run(listener, partial(listener.ear.tick, read_until_s, read_until))
                if not behind:
                    self._runner.run_interim(listener)
