"""A room whose words cannot be stored delays no other, and its own losses are gaps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from service.verdict.judge import RETRY_AFTER_S
from service.verdict.pipeline import VERDICT_BACKLOG
from tests.rooms.calls import until
from tests.verdict.floor import Floor

pytestmark = pytest.mark.anyio

NEVER_S = (3600.0,)
"""A retry that begins only at the end of the server or test."""
ROOMS = [f"room-{number}" for number in range(50)]


@asynccontextmanager
async def running(floor: Floor) -> AsyncIterator[None]:
    """Run the pipeline; at the end settle every utterance, without waiting for a retry."""
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        tasks.create_task(floor.pipeline.run(floor.ears), name="pipeline")
        yield
        floor.pipeline.hurry()
        floor.queue.out.put_nowait(None)


async def test_other_rooms_are_committed_while_the_store_is_away_for_one() -> None:
    floor = Floor(retry_after_s=NEVER_S)
    floor.alerts.away.add("bad")
    async with running(floor):
        floor.say("u0", "you fool", speaker="mallory", room="bad")
        await until(lambda: floor.alerts.attempts == [("bad", "u0")])
        for number, room in enumerate(ROOMS):
            floor.say(f"u-{number}", "gift card", speaker=f"speaker-{number}", room=room)
            floor.say(f"v-{number}", "good evening", speaker=f"speaker-{number}")
        await until(lambda: len(floor.alerts.heard) == 2 * len(ROOMS))
        assert floor.alerts.attempts.count(("bad", "u0")) == 1, "no retry has begun"
        assert len(floor.alerts.alerts) == len(ROOMS)
        floor.alerts.away.clear()
    assert "al_u0" in floor.alerts.alerts, "the room's own words waited for its store"
    assert floor.hearing.written == []


async def test_utterances_of_a_room_keep_their_order_behind_a_retry() -> None:
    floor = Floor(retry_after_s=NEVER_S)
    floor.alerts.away.add("bad")
    async with running(floor):
        for number in range(5):
            floor.say(f"u{number}", "you fool", at_s=2 * number, speaker="mallory", room="bad")
        await until(lambda: bool(floor.alerts.attempts))
        floor.alerts.away.clear()
    assert list(floor.alerts.heard) == [f"u{number}" for number in range(5)]
    (alert,) = floor.alerts.alerts.values()
    assert (alert.utterance_id, alert.repeats) == ("u0", 4)


async def test_a_full_lane_turns_its_oldest_utterance_into_a_gap() -> None:
    floor = Floor(retry_after_s=NEVER_S, lane_capacity=2)
    floor.alerts.away.add("bad")
    async with running(floor):
        floor.say("u0", "you fool", speaker="mallory", room="bad")
        await until(lambda: bool(floor.alerts.attempts))
        for number in range(1, 5):
            floor.say(f"u{number}", "gift card", at_s=2 * number, speaker="mallory", room="bad")
        listener = floor.listeners["mallory"]
        await until(lambda: len(listener.unsettled) == 3)
        floor.alerts.away.clear()
    assert list(floor.alerts.heard) == ["u0", "u3", "u4"]
    await floor.ears.flush()
    assert [(gap.room_id, gap.reason) for gap in floor.hearing.written] == [
        ("bad", VERDICT_BACKLOG)
    ] * 2
    assert b'earshot_gaps_total{reason="verdict_backlog"} 2.0' in floor.metrics.render()


async def test_a_provisional_alert_stands_if_a_full_lane_dropped_its_final_transcript() -> None:
    floor = Floor(retry_after_s=NEVER_S, lane_capacity=2)
    async with running(floor):
        floor.go_on("u1", "well you fool", 1)
        floor.go_on("u1", "well you fool that is", 2)
        await until(lambda: bool(floor.alerts.raised_early))
        floor.alerts.away.add("lobby")
        floor.say("u0", "good evening", speaker="bob")
        await until(lambda: bool(floor.alerts.attempts))
        floor.say("u1", "well you fool that is all")
        floor.say("u2", "good evening", at_s=9)
        floor.say("u3", "good evening", at_s=12)
        await until(lambda: "u1" not in floor.listeners["ann"].unsettled)
        floor.alerts.away.clear()
    assert not floor.alerts.alerts["al_u1"].provisional


async def test_a_store_that_stays_away_costs_the_utterance_after_the_last_retry() -> None:
    assert sum(RETRY_AFTER_S) > 20, "a database that is restarted is waited for"
    floor = Floor(retry_after_s=(0.0, 0.0))
    floor.alerts.away.add("bad")
    floor.say("u0", "you fool", speaker="mallory", room="bad")
    await floor.finish()
    assert floor.alerts.attempts == [("bad", "u0")] * 3
    assert [gap.reason for gap in floor.hearing.written] == ["it could not be put on record"]
