"""Lanes keep the order in each room, and no room waits for another."""

from __future__ import annotations

import asyncio
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.verdict.lanes import RoomLanes
from tests.rooms.calls import until

pytestmark = pytest.mark.anyio


class Desk:
    """Processes items; those of a closed room wait until it is opened."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self._open: dict[str, asyncio.Event] = {}

    def close(self, room: str) -> asyncio.Event:
        return self._open.setdefault(room, asyncio.Event())

    async def work(self, item: str) -> None:
        if (opened := self._open.get(item[0])) is not None:
            await opened.wait()
        self.done.append(item)


def lanes_of(tasks: asyncio.TaskGroup, desk: Desk, capacity: int = 100) -> RoomLanes[str]:
    return RoomLanes(tasks, desk.work, expendable=str.isupper, capacity=capacity)


async def test_fifty_rooms_go_on_while_one_waits() -> None:
    desk = Desk()
    opened = desk.close("a")
    async with asyncio.TaskGroup() as tasks:
        lanes = lanes_of(tasks, desk)
        lanes.put("a", "a0")
        others = [f"{chr(0x4E00 + number)}{turn}" for turn in range(3) for number in range(50)]
        for item in others:
            lanes.put(item[0], item)
        await until(lambda: len(desk.done) == len(others))
        assert "a0" not in desk.done
        opened.set()
    assert desk.done[-1] == "a0"


@given(st.lists(st.sampled_from("abcd"), max_size=60))
def test_each_room_keeps_its_order_and_nothing_is_lost(rooms: list[str]) -> None:
    desk, put = Desk(), [f"{room}{number}" for number, room in enumerate(rooms)]

    async def run() -> None:
        async with asyncio.TaskGroup() as tasks:
            lanes = lanes_of(tasks, desk)
            for number, item in enumerate(put):
                assert lanes.put(item[0], item) is None
                if number % 7 == 0:
                    await asyncio.sleep(0)

    asyncio.run(run())
    by_room: dict[str, list[str]] = defaultdict(list)
    for item in desk.done:
        by_room[item[0]].append(item)
    assert sorted(desk.done) == sorted(put)
    assert all(items == [one for one in put if one[0] == room] for room, items in by_room.items())


async def test_a_full_lane_drops_the_oldest_item_that_waits() -> None:
    desk = Desk()
    opened = desk.close("a")
    async with asyncio.TaskGroup() as tasks:
        lanes = lanes_of(tasks, desk, capacity=2)
        assert lanes.put("a", "a0") is None
        await asyncio.sleep(0)  # it is in work now and no longer waits
        assert [lanes.put("a", f"a{number}") for number in range(1, 5)] == [None, None, "a1", "a2"]
        assert lanes.put("b", "b0") is None, "another room's lane is not full"
        opened.set()
    assert [item for item in desk.done if item[0] == "a"] == ["a0", "a3", "a4"]


async def test_a_full_lane_drops_expendable_items_first() -> None:
    desk = Desk()
    opened = desk.close("a")
    async with asyncio.TaskGroup() as tasks:
        lanes = lanes_of(tasks, desk, capacity=3)
        lanes.put("a", "a0")
        await asyncio.sleep(0)
        assert [lanes.put("a", item) for item in ("a1", "A", "a2")] == [None] * 3
        assert lanes.put("a", "a3") == "A"
        opened.set()
    assert desk.done == ["a0", "a1", "a2", "a3"]


async def test_a_lane_without_work_has_no_task() -> None:
    desk = Desk()
    before = asyncio.all_tasks()
    async with asyncio.TaskGroup() as tasks:
        lanes = lanes_of(tasks, desk)
        lanes.put("a", "a0")
        await until(lambda: bool(desk.done))
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == before
        lanes.put("a", "a1")
    assert desk.done == ["a0", "a1"]
