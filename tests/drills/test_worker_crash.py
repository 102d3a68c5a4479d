"""Workers and Redis may crash at any moment: nothing is lost in silence and nothing heard twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.drills.worker_crash import crash_workers

pytestmark = [pytest.mark.anyio, pytest.mark.redis, pytest.mark.timeout(180)]


@pytest.mark.parametrize("seed", range(3))
async def test_workers_and_redis_killed_in_mid_work_lose_and_double_nothing(
    tmp_path: Path, seed: int
) -> None:
    assert (await crash_workers(tmp_path, seed)).faults() == []


@pytest.mark.drill
@pytest.mark.parametrize("seed", range(100, 150))
async def test_fifty_times_workers_and_redis_killed_lose_and_double_nothing(
    tmp_path: Path, seed: int
) -> None:
    assert (await crash_workers(tmp_path, seed)).faults() == []
