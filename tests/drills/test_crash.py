"""A crash at any moment leaves every violation with exactly one alert, or inside a gap event."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service.simulation.client import FeedEvent
from tests.drills.crash import Aftermath, Cycle, Followed, Violation, crash_room
from tests.postgres import Postgres

RUNS, KILLS = 4, 5


def _read(followed: Followed, cursor: int, kind: str, speaker: str) -> None:
    followed.read(FeedEvent(str(cursor), kind, {"id": speaker}, 0.0))


def test_the_drill_waits_until_every_speakers_departure_is_in_the_log() -> None:
    followed = Followed()
    _read(followed, 1, "speaker.joined", "ann")
    _read(followed, 2, "speaker.joined", "bob")
    _read(followed, 3, "speaker.left", "ann")
    assert not followed.all_left.is_set()  # the gap in Bob's speech has no event yet
    _read(followed, 4, "speaker.left", "bob")
    assert followed.all_left.is_set()
    assert followed.cursors == [1, 2, 3, 4]


def test_a_slower_start_up_makes_the_time_between_two_kills_longer() -> None:
    assert Cycle.of_start(3.0) == Cycle(14.0, 4.0)
    assert Cycle.of_start(10.0) == Cycle(20.0, 10.0)


def test_a_fault_names_what_is_on_record_around_it() -> None:
    start = datetime(2026, 5, 17, 12, tzinfo=UTC)
    violation = Violation("ann", "you fool", start, start + timedelta(seconds=2))
    heard = {
        "speaker_id": "ann",
        "started_at": "2026-05-17T12:00:00.100Z",
        "ended_at": "2026-05-17T12:00:01.000Z",
        "text": "you foo",
    }
    late = heard | {
        "started_at": "2026-05-17T12:05:00.000Z",
        "ended_at": "2026-05-17T12:05:01.000Z",
    }
    log = [FeedEvent(str(n), "transcript.heard", data, 0.0) for n, data in enumerate((heard, late))]
    (fault,) = Aftermath([violation], [], [], [], [], log).faults()
    assert fault == (
        "ann at 12:00:00.000000: 0 alerts, not inside a gap; its client stood still for 0.00 s; "
        "on record: "
        "transcript.heard 12:00:00.100 to 12:00:01.000 you foo"
    )


def test_a_line_in_which_its_own_client_stood_still_proves_nothing_nor_do_many() -> None:
    start = datetime(2026, 5, 17, 12, tzinfo=UTC)
    said = Violation("ann", "you fool", start, start + timedelta(seconds=2))
    torn = replace(said, stalled_s=0.6)
    alert = {
        "speaker_id": "ann",
        "speech_started_at": "2026-05-17T12:00:00.100Z",
        "speech_ended_at": "2026-05-17T12:00:02.000Z",
    }
    assert not Aftermath([replace(said, stalled_s=0.1)], [alert], [], [], []).faults()
    others = [replace(said, speaker_id=f"bob{number}") for number in range(10)]
    alerts = [alert | {"speaker_id": other.speaker_id} for other in others]
    assert not Aftermath([torn, *others], alerts, [], [], []).faults()
    assert Aftermath([torn], [alert, alert], [], [], []).faults(), "two alerts are too many"
    (fault,) = Aftermath([torn], [], [], [], []).faults()
    assert fault.startswith("the clients stood still in 1 of 1 lines")


@pytest.mark.anyio
@pytest.mark.timeout(600)
async def test_twenty_kills_during_speech_lose_and_repeat_nothing(tmp_path: Path) -> None:
    """Twenty seeded kills, in two rooms at a time, each with a server of its own."""
    faults: dict[int, list[str]] = {}
    pairs = [range(seed, seed + 2) for seed in range(0, RUNS, 2)]
    for pair in pairs:
        async with asyncio.TaskGroup() as tasks:
            runs = {
                seed: tasks.create_task(crash_room(tmp_path / str(seed), seed, KILLS))
                for seed in pair
            }
        faults |= {seed: run.result().faults() for seed, run in runs.items()}
    assert not any(faults.values()), faults


@pytest.mark.postgres
@pytest.mark.anyio
@pytest.mark.timeout(200)
async def test_three_kills_with_postgresql_lose_and_repeat_nothing(
    tmp_path: Path, postgres: Postgres
) -> None:
    with postgres.database() as url:
        aftermath = await crash_room(tmp_path, 7, kills=3, database_url=url)
    assert not aftermath.faults()


@pytest.mark.postgres
@pytest.mark.drill
@pytest.mark.anyio
@pytest.mark.parametrize("seed", range(200, 205))
async def test_fifty_kills_with_postgresql_lose_and_repeat_nothing(
    tmp_path: Path, postgres: Postgres, seed: int
) -> None:
    with postgres.database() as url:
        aftermath = await crash_room(tmp_path, seed, kills=10, database_url=url)
    assert not aftermath.faults()


@pytest.mark.drill
@pytest.mark.anyio
@pytest.mark.parametrize("seed", range(100, 120))
async def test_hundreds_of_kills_lose_and_repeat_nothing(tmp_path: Path, seed: int) -> None:
    aftermath = await crash_room(tmp_path, seed, kills=10)
    assert not aftermath.faults()
