"""Crashes under webhooks: every event reaches every endpoint, in order, under one id."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.drills.webhook_crash import crash_webhooks
from tests.storage.examples import EACH_DATABASE

pytestmark = pytest.mark.anyio


@pytest.fixture(params=EACH_DATABASE)
def backend(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.mark.timeout(180)
async def test_three_kills_lose_nothing_and_mix_nothing_up(tmp_path: Path, url: str) -> None:
    aftermath = await crash_webhooks(tmp_path / "server", url, seed=1, kills=3)
    assert len(aftermath.logged) > 20
    assert not aftermath.faults()


@pytest.mark.drill
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", range(2, 7))
async def test_fifty_kills_lose_nothing_and_mix_nothing_up(
    tmp_path: Path, url: str, seed: int
) -> None:
    aftermath = await crash_webhooks(tmp_path / "server", url, seed=seed, kills=10)
    print(f"{len(aftermath.logged)} events, {aftermath.repeats} repeats")  # noqa: T201
    assert not aftermath.faults()
