"""Tasks that wait for beats wake together, and once for each beat."""

from __future__ import annotations

import asyncio
import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.beat import BEAT_S, next_beat, sleep_awake, timeout_awake, until_beat

NOW_S = st.floats(0, 1e6)


@given(NOW_S, st.floats(0, 10))
def test_a_beat_comes_when_it_was_wanted(now_s: float, after_s: float) -> None:
    beat = next_beat(now_s, after_s)
    assert math.isclose(beat, BEAT_S * round(beat / BEAT_S))
    assert beat > now_s
    assert beat - (now_s + after_s) <= 1.25 * BEAT_S + 1e-6
    assert beat - (now_s + after_s) >= -0.5 * BEAT_S - 1e-6


@given(NOW_S)
def test_all_who_wait_for_the_next_one_wake_up_at_once(now_s: float) -> None:
    beat = next_beat(now_s)
    assert next_beat(beat - 0.6 * BEAT_S) == beat


@given(NOW_S)
def test_whoever_was_woken_a_moment_early_is_not_woken_again_for_it(now_s: float) -> None:
    woken_s = next_beat(now_s) - 1e-6
    assert until_beat(woken_s) > 0.5 * BEAT_S


@pytest.mark.anyio
async def test_a_sleep_of_people_does_not_count_a_stand_still() -> None:
    sleeping = asyncio.create_task(sleep_awake(1.2))
    await asyncio.sleep(0.05)
    time.sleep(1.5)  # noqa: ASYNC251 - the process stands still
    for _ in range(10):
        await asyncio.sleep(0)
    assert not sleeping.done()
    await sleeping


@pytest.mark.anyio
async def test_a_block_that_takes_too_long_is_ended() -> None:
    with pytest.raises(TimeoutError):
        async with timeout_awake(0.05):
            await asyncio.Event().wait()


@pytest.mark.anyio
async def test_what_arrived_while_the_process_stood_still_is_in_time() -> None:
    arrived = asyncio.Event()
    async with timeout_awake(1.2):
        await asyncio.sleep(0)  # the time runs
        asyncio.get_running_loop().call_later(0.5, arrived.set)
        time.sleep(1.3)  # noqa: ASYNC251 - the process stands still
        await arrived.wait()
        await asyncio.sleep(0)
    assert arrived.is_set()
