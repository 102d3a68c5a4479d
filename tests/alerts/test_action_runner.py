from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest

from service.alerts.action import ActionState, ModeratorAction
from service.alerts.action_runner import ActionRunner
from service.errors import StoreAway
from service.metrics import Metrics
from service.rooms.actions import CannotAct, RoomAction
from tests.rooms.calls import until
from tests.storage.examples import SetClock, an_action

pytestmark = pytest.mark.anyio


@dataclass
class Actions:
    """`service.alerts.ports.ActionStore`."""

    all: dict[str, ModeratorAction] = field(default_factory=dict)
    away: int = 0
    """Writes that fail before one succeeds."""

    async def request(self, action: ModeratorAction) -> ModeratorAction:
        for known in self.all.values():
            if (known.state, known.action) == (ActionState.REQUESTED, action.action):
                return known
        self.all[action.id] = action
        return action

    async def finish(self, action: ModeratorAction) -> None:
        self.away -= 1
        if self.away >= 0:
            raise StoreAway("away")
        self.all[action.id] = action

    async def find(self, action_id: str) -> ModeratorAction | None:
        return self.all.get(action_id)

    async def pending(self) -> Sequence[ModeratorAction]:
        return [one for one in self.all.values() if one.state is ActionState.REQUESTED]

    async def of_alert(self, alert_id: str) -> Sequence[ModeratorAction]:
        return list(self.all.values())


@dataclass
class Rooms:
    """Rooms in which actions are done once `open` is set; `error`, if set, is raised instead."""

    done: list[tuple[str, str]] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    started: asyncio.Event = field(default_factory=asyncio.Event)
    error: Exception | None = None

    async def act(self, room_id: str, action: RoomAction, speaker_id: str, words: str) -> str:
        await self.open.wait()
        if self.error is not None:
            raise self.error
        self.done.append((action, speaker_id))
        return "so it is"


@dataclass
class House:
    store: Actions
    rooms: Rooms
    runner: ActionRunner
    metrics: Metrics

    async def over(self, id_: str = "ac_1") -> ModeratorAction:
        await until(lambda: self.store.all[id_].state is not ActionState.REQUESTED)
        return self.store.all[id_]


@contextlib.asynccontextmanager
async def acting(store: Actions | None = None, *, started: bool = True) -> AsyncIterator[House]:
    store, rooms, metrics = store or Actions(), Rooms(), Metrics()
    rooms.open.set()
    if started:
        rooms.started.set()
    made = ActionRunner(store, rooms, metrics=metrics, clock=SetClock())
    running = asyncio.create_task(made.run())
    await asyncio.sleep(0)
    try:
        yield House(store, rooms, made, metrics)
    finally:
        running.cancel()
        await asyncio.wait([running])


async def test_a_pending_action_waits_for_its_rooms_and_is_done_once() -> None:
    left = an_action()
    async with acting(Actions({left.id: left}), started=False) as house:
        await house.runner.request(an_action("ac_2", action=RoomAction.WARN))
        await asyncio.sleep(0.05)
        assert house.rooms.done == []
        house.rooms.started.set()
        await house.over("ac_1")
        await house.over("ac_2")
        assert sorted(house.rooms.done) == [("mute_speaker", "ann"), ("warn", "ann")]


async def test_a_requested_action_is_done_and_confirmed() -> None:
    async with acting() as house:
        asked = await house.runner.request(an_action())
        assert asked.state is ActionState.REQUESTED
        done = await house.over()
        assert (done.state, done.detail) == (ActionState.DONE, "so it is")
        assert done.finished_at is not None
        assert b'action="mute_speaker",outcome="done"} 1.0' in house.metrics.render()


@pytest.mark.parametrize(
    ("error", "told"),
    [(CannotAct("wrong secret"), "wrong secret"), (ZeroDivisionError(), "an unexpected error")],
)
async def test_an_action_that_fails_says_why(error: Exception, told: str) -> None:
    async with acting() as house:
        house.rooms.error = error
        await house.runner.request(an_action())
        failed = await house.over()
        assert failed.state is ActionState.FAILED
        assert failed.detail.startswith(told)


async def test_an_action_under_way_is_not_done_twice() -> None:
    async with acting() as house:
        house.rooms.open.clear()
        first = await house.runner.request(an_action())
        assert await house.runner.request(an_action("ac_2")) is first
        house.rooms.open.set()
        await house.over()
        assert house.rooms.done == [("mute_speaker", "ann")]


async def test_mute_and_unmute_keep_the_order_of_their_requests() -> None:
    async with acting() as house:
        house.rooms.open.clear()
        await house.runner.request(an_action())
        await house.runner.request(an_action("ac_2", RoomAction.UNMUTE))
        house.rooms.open.set()
        await house.over("ac_2")
        assert [action for action, _ in house.rooms.done] == ["mute_speaker", "unmute_speaker"]


async def test_a_result_that_cannot_be_stored_is_stored_later() -> None:
    async with acting() as house:
        house.store.away = 1
        await house.runner.request(an_action())
        assert (await house.over()).state is ActionState.DONE
        assert house.rooms.done == [("mute_speaker", "ann")]


async def test_pending_actions_of_a_run_are_done_by_the_next() -> None:
    store = Actions()
    async with acting(store) as house:
        house.rooms.open.clear()
        await house.runner.request(an_action())
        await asyncio.sleep(0.01)
    assert store.all["ac_1"].state is ActionState.REQUESTED
    async with acting(store) as house:
        assert (await house.over()).state is ActionState.DONE
