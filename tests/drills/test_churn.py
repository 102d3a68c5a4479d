"""Resources of a server after many publishers have joined and left."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.drills.churn import Churn, resident_mb
from tests.e2e.peers import peers, until
from tests.e2e.resources import Resources, resources_after_warm_up, wait_for_resources
from tests.server import Server

pytestmark = pytest.mark.anyio

MINUTES = float(os.environ.get("CHURN_MINUTES", "30"))
FIRST = 100
"""Cycles before the measurement. Memory fills with the latest events and the database's pages for
about a hundred cycles, and is nearly level from then on."""
SETTLED_S = 20.0
"""Longest time until the server drops publishers that never connected."""


async def _at_rest(server: Server) -> Resources:
    await until(lambda: peers(server) == 0, SETTLED_S)
    return resources_after_warm_up(server)


async def _comes_and_goes(folder: Path, cycles: int, most_mb: float) -> None:
    with Server(folder / "data") as server:
        churn = Churn(server)
        await churn.run(FIRST)
        before = await _at_rest(server)
        memory_mb = resident_mb(server)
        await churn.run(cycles)
        assert churn.refused == []
        assert wait_for_resources(server, before, SETTLED_S) == before
        assert resident_mb(server) - memory_mb < most_mb
        assert "Traceback" not in server.log_file.read_text()


async def test_forty_publishers_leave_no_task_thread_descriptor_or_memory(tmp_path: Path) -> None:
    await _comes_and_goes(tmp_path, 40, most_mb=10)


@pytest.mark.drill
async def test_two_hundred_publishers_leave_no_task_thread_descriptor_or_memory(
    tmp_path: Path,
) -> None:
    await _comes_and_goes(tmp_path, 200, most_mb=10)


@pytest.mark.drill
@pytest.mark.timeout(60 * (MINUTES + 10))
async def test_half_an_hour_of_churn_does_not_grow(tmp_path: Path) -> None:
    """`CHURN_MINUTES` sets the length. The first third may fill caches."""
    with Server(tmp_path / "data") as server:
        churn = Churn(server)
        await churn.run_for(MINUTES * 20)
        before = await _at_rest(server)
        memory_mb = resident_mb(server)
        await churn.run_for(MINUTES * 40)
        assert churn.refused == []
        assert wait_for_resources(server, before, SETTLED_S) == before
        assert resident_mb(server) - memory_mb < 20
        assert "Traceback" not in server.log_file.read_text()
