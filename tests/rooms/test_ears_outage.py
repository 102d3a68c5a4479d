"""Ears in a process that stands still: nothing is taken for silence, and returns are gaps."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from service.listening.packet import Packet
from service.listening.track_gaps import STOOD_STILL
from service.rooms.clock_watch import Reading
from service.rooms.ears import Ears
from tests.listening.packets import arrivals, monologue, talk
from tests.rooms.fakes import NOW, a_speaker
from tests.rooms.floor import Floor, running, seconds

pytestmark = pytest.mark.anyio


class Stoppable(Floor):
    """A floor whose process can be stopped for a time."""

    stopped_s = 0.0

    def _read_clocks(self) -> Reading:
        passed_s = seconds(self.clock.now)
        return Reading(self.stopped_s, self.stopped_s, passed_s, 0.0)

    def open_stoppable(self) -> Ears:
        return self.open(self._read_clocks)

    def stop(self, for_s: float) -> None:
        self.stopped_s += for_s
        self.clock.now += timedelta(seconds=for_s)


@pytest.fixture
def floor() -> Iterator[Stoppable]:
    floor = Stoppable()
    with capture_logs() as floor.logged:  # type: ignore[attr-defined]
        yield floor


async def _leave_during_a_stop(floor: Stoppable, ears: Ears, *, cut_off: bool) -> None:
    """Ann talks for 3 s, the process stands still for 12 s, and Ann's client has left meanwhile."""
    await ears.speaker_joined(a_speaker())
    floor.say(ears, until_s=3)
    floor.stop(12)
    leaving = asyncio.create_task(ears.speaker_left(a_speaker(), "left", cut_off=cut_off))
    for listener, utterance in floor.cut:
        await ears.settle(listener, utterance.id)
    await leaving


@pytest.mark.parametrize("cut_off", [False, True])
async def test_who_left_during_an_outage_and_came_back_was_not_heard_between(
    floor: Stoppable, cut_off: bool
) -> None:
    ears = floor.open_stoppable()
    await _leave_during_a_stop(floor, ears, cut_off=cut_off)
    floor.clock.now += timedelta(seconds=1)
    await ears.speaker_joined(a_speaker())
    back_s = seconds(floor.clock.now)
    floor.say(ears, until_s=1)
    await ears.flush()
    gaps = sorted(floor.hearing.written, key=lambda gap: gap.from_at)
    assert {gap.reason for gap in gaps} == {STOOD_STILL}
    assert seconds(gaps[0].from_at) == pytest.approx(3, abs=0.5)
    assert seconds(gaps[-1].to_at) == pytest.approx(back_s, abs=0.1)
    assert all(one.to_at == next_.from_at for one, next_ in zip(gaps, gaps[1:], strict=False))


async def test_who_left_during_an_outage_and_stays_away_has_no_gap(floor: Stoppable) -> None:
    ears = floor.open_stoppable()
    await _leave_during_a_stop(floor, ears, cut_off=False)
    floor.clock.now += timedelta(seconds=70)
    async with running(ears):
        await asyncio.sleep(0.1)
    await ears.speaker_joined(a_speaker())
    floor.say(ears, until_s=1)
    await ears.flush()
    assert floor.hearing.written == []


async def test_who_left_without_an_outage_and_came_back_has_no_gap(floor: Stoppable) -> None:
    ears = floor.open_stoppable()
    await ears.speaker_joined(a_speaker())
    floor.say(ears, until_s=3)
    await ears.speaker_left(a_speaker(), "left")
    await ears.speaker_joined(a_speaker())
    floor.say(ears, until_s=1)
    await ears.flush()
    assert floor.hearing.written == []


async def test_a_stand_still_is_counted_and_logged_once(floor: Stoppable) -> None:
    ears = floor.open_stoppable()
    async with running(ears):
        await asyncio.sleep(0.1)
        floor.stop(12)
        await asyncio.sleep(0.1)
    counted = floor.metrics.registry.get_sample_value(
        "earshot_stood_still_seconds_total", {"cause": "stopped"}
    )
    assert counted == 12
    logged = [line for line in floor.logged if line["event"] == "ears.stood_still"]  # type: ignore[attr-defined]
    assert [(line["seconds"], line["cause"]) for line in logged] == [(12.0, "stopped")]


async def test_a_step_of_the_clock_is_counted_and_no_gap(floor: Stoppable) -> None:
    ears = floor.open_stoppable()
    await ears.speaker_joined(a_speaker())
    async with running(ears):
        await asyncio.sleep(0.1)
        floor.clock.now += timedelta(hours=1)
        await asyncio.sleep(0.1)
    counted = floor.metrics.registry.get_sample_value(
        "earshot_clock_steps_total", {"direction": "forward"}
    )
    assert counted == 1
    assert floor.hearing.written == []


async def test_packets_that_wait_unread_are_not_taken_for_silence(floor: Floor) -> None:
    """A stop in the middle of a word, whose rest waits in the kernel, tears no word."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    waits = True
    ears = Ears(
        make_ear=floor._make_ear,
        on_utterance=lambda listener, utterance: floor.cut.append((listener, utterance)),
        show_levels=lambda levels, at: None,
        rooms=floor.rooms,
        hearing=floor.hearing,
        metrics=floor.metrics,
        clock=lambda: NOW + timedelta(seconds=loop.time() - began_s),
        read_until=lambda now_s: packets[74].arrived_s if waits else now_s,
    )
    await ears.speaker_joined(a_speaker())
    packets = [
        replace(packet, arrived_s=began_s - 1_000 + packet.arrived_s - 3)
        for packet in arrivals(monologue(3))
    ]

    def push(some: list[Packet]) -> None:
        for packet in some:
            ears.push("lobby", "ann", packet)

    async with running(ears):
        push(packets[:75])  # the last of them in the middle of a word
        await asyncio.sleep(1.0)  # longer than the silence that ends an utterance
        assert floor.cut == []
        push(packets[75:])
        waits = False
        await asyncio.sleep(0.05)
        await ears.finish()
    [(_, utterance)] = floor.cut
    assert len(utterance.pcm) / 32_000 == pytest.approx(2.9, abs=0.5)


async def test_a_packet_that_waited_is_dated_by_its_arrival(floor: Floor) -> None:
    loop = asyncio.get_running_loop()
    now_s = loop.time()
    ears = Ears(
        make_ear=floor._make_ear,
        on_utterance=lambda listener, utterance: floor.cut.append((listener, utterance)),
        show_levels=lambda levels, at: None,
        rooms=floor.rooms,
        hearing=floor.hearing,
        metrics=floor.metrics,
        clock=lambda: NOW + timedelta(seconds=loop.time() - now_s + 12),
        read_until=lambda _: now_s - 12,
    )
    await ears.speaker_joined(a_speaker())
    for packet in arrivals(talk(1.0, until_s=4)):  # read 12 s after the first of them came
        at_s = now_s - 12 + packet.arrived_s - 1_000
        ears.push("lobby", "ann", replace(packet, arrived_s=at_s))
    [(_, utterance)] = floor.cut
    assert seconds(utterance.started_at) == pytest.approx(0.7, abs=0.4)
