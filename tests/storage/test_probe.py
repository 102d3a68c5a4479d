from __future__ import annotations

import asyncio

import pytest

from service.errors import StoreAway
from service.storage.probe import GOOD_FOR_S, Probe

pytestmark = pytest.mark.anyio


class Disk:
    """Database whose writes end when the test lets them."""

    def __init__(self) -> None:
        self.writes = 0
        self.why = ""
        self.works = asyncio.Event()
        self.now_s = 0.0
        self.probe = Probe(self.write, now_s=lambda: self.now_s, patience_s=0.05)

    async def write(self) -> str:
        self.writes += 1
        await self.works.wait()
        return self.why


async def test_many_callers_share_one_write_and_its_success_is_good_for_a_second() -> None:
    disk = Disk()
    disk.works.set()
    await asyncio.gather(*(disk.probe.check() for _ in range(50)))
    await disk.probe.check()
    assert disk.writes == 1
    disk.now_s += GOOD_FOR_S
    await disk.probe.check()
    assert disk.writes == 2


async def test_a_stuck_database_is_told_in_time_and_has_one_task_for_all_callers() -> None:
    disk = Disk()
    answers = await asyncio.gather(*(disk.probe.check() for _ in range(50)), return_exceptions=True)
    assert all("has not taken a write" in str(answer) for answer in answers)
    with pytest.raises(StoreAway, match="has not taken a write"):
        await disk.probe.check()
    assert disk.writes == 1
    disk.works.set()
    while True:  # the write that was stuck ends, and the next check says so
        try:
            await disk.probe.check()
        except StoreAway:
            continue
        break


async def test_a_failure_is_never_reported_again_without_another_write() -> None:
    disk = Disk()
    disk.works.set()
    disk.why = "the disk is full"
    with pytest.raises(StoreAway, match="the disk is full"):
        await disk.probe.check()
    disk.why = ""
    await disk.probe.check()


async def test_closing_leaves_no_task() -> None:
    disk = Disk()
    with pytest.raises(StoreAway):
        await disk.probe.check()
    await disk.probe.close()
