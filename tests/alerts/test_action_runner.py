from __future__ import annotations

import asyncio

import pytest

from service.alerts.action import ActionOutcome, ActionState, ModeratorAction
from service.errors import Problem
from service.rooms.actions import CannotAct, Carrier, RoomAction
from service.rooms.room import RoomState
from service.storage.engine import Database
from service.storage.rooms import SqlRooms
from tests.alerts.acting import acting, prepare
from tests.rooms.calls import until
from tests.storage.examples import SECOND, SetClock, an_action

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
async def prepared(database: Database) -> None:
    await prepare(database)


def ours(id_: str = "ac_1", action: RoomAction = RoomAction.MUTE) -> ModeratorAction:
    """Return an action that earshot itself carries out."""
    return an_action(id_, action, carrier=Carrier.CONNECTOR)


async def test_a_pending_action_waits_for_its_rooms_and_is_done_once(database: Database) -> None:
    async with acting(database, started=False) as house:
        await house.store.request(ours())
        await house.runner.request(ours("ac_2", RoomAction.WARN))
        await asyncio.sleep(0.05)
        assert house.rooms.done == []
        house.rooms.started.set()
        await house.over("ac_1")
        await house.over("ac_2")
        assert sorted(house.rooms.done) == [("mute_speaker", "ann"), ("warn", "ann")]


async def test_an_action_of_a_connector_is_done_when_that_confirms_it(database: Database) -> None:
    async with acting(database) as house:
        house.rooms.open.clear()
        assert (await house.runner.request(ours())).state is ActionState.PENDING
        await asyncio.sleep(0.02)
        assert house.rooms.muted == set(), "heard until it is confirmed"
        house.rooms.open.set()
        done = await house.over()
        assert (done.state, done.detail) == (ActionState.DONE, "so it is")
        assert done.finished_at is not None
        await until(lambda: house.rooms.muted == {"ann"})
        await until(lambda: house.rooms.applied == [("mute_speaker", "ann")])
        assert b'action="mute_speaker",outcome="done"} 1.0' in house.metrics.render()


@pytest.mark.parametrize(
    ("error", "told"),
    [(CannotAct("wrong secret"), "wrong secret"), (ZeroDivisionError(), "an unexpected error")],
)
async def test_an_action_that_fails_says_why(
    database: Database, error: Exception, told: str
) -> None:
    async with acting(database) as house:
        house.rooms.error = error
        await house.runner.request(ours())
        failed = await house.over()
        assert failed.state is ActionState.FAILED
        assert failed.detail.startswith(told)
        assert house.rooms.muted == set()
        assert await house.events() == ["action.requested", "action.failed"]


async def test_a_pending_action_is_not_done_twice(database: Database) -> None:
    async with acting(database) as house:
        house.rooms.open.clear()
        first = await house.runner.request(ours())
        assert await house.runner.request(ours("ac_2")) == first
        house.rooms.open.set()
        await house.over()
        assert house.rooms.done == [("mute_speaker", "ann")]


async def test_mute_and_unmute_keep_the_order_of_their_requests(database: Database) -> None:
    async with acting(database) as house:
        house.rooms.open.clear()
        await house.runner.request(ours())
        await house.runner.request(ours("ac_2", RoomAction.UNMUTE))
        house.rooms.open.set()
        await house.over("ac_2")
        assert [action for action, _ in house.rooms.done] == ["mute_speaker", "unmute_speaker"]
        assert house.rooms.muted == set()


async def test_pending_actions_of_a_run_are_done_by_the_next(database: Database) -> None:
    async with acting(database) as house:
        house.rooms.open.clear()
        await house.runner.request(ours())
        await asyncio.sleep(0.01)
    async with acting(database) as house:
        assert (await house.over()).state is ActionState.DONE


async def test_an_action_that_has_expired_is_not_carried_out(database: Database) -> None:
    clock = SetClock()
    async with acting(database, clock, started=False) as house:
        await house.runner.request(ours())
        await house.runner.request(an_action("ac_2", RoomAction.UNMUTE))
        clock.now += 30 * SECOND
        house.rooms.started.set()
        assert (await house.over()).state is ActionState.FAILED
        assert (await house.over("ac_2")).detail.startswith("never delivered")
        assert house.rooms.done == []


async def test_a_delivery_is_no_result(database: Database) -> None:
    async with acting(database) as house:
        await house.runner.request(an_action())
        await house.runner.record_delivery("ac_1", house.clock.now + SECOND)
        (pending,) = await house.runner.pending()
        assert pending.delivered_at == house.clock.now + SECOND
        house.clock.now += 30 * SECOND
        failed = await house.over()
        assert failed.detail.startswith("no receiver confirmed it in 30 s; delivered at")
        assert (house.rooms.muted, house.rooms.applied) == (set(), [])
        assert await house.events() == ["action.requested", "action.failed"]


async def test_a_result_ends_an_action_and_has_its_effect_once(database: Database) -> None:
    async with acting(database) as house:
        await house.runner.request(an_action())
        for _ in range(2):
            done = await house.runner.record_result("ac_1", ActionOutcome.DONE, "off", "bot")
            assert (done.state, done.detail, done.confirmed_by) == ("done", "off", "bot")
        assert house.rooms.muted == {"ann"}
        await until(lambda: house.rooms.applied == [("mute_speaker", "ann")])
        with pytest.raises(Problem) as problem:
            await house.runner.record_result("ac_1", ActionOutcome.FAILED, "", "bot")
        assert problem.value.status == 409
        assert await house.events() == ["action.requested", "action.done"]


async def test_a_late_result_has_its_effect(database: Database) -> None:
    async with acting(database) as house:
        await house.runner.request(an_action(action=RoomAction.REMOVE))
        house.clock.now += 31 * SECOND
        await house.over()
        done = await house.runner.record_result("ac_1", ActionOutcome.DONE, "gone", "bot")
        assert (done.state, done.late) == (ActionState.DONE, True)
        await until(lambda: house.rooms.applied == [("remove_speaker", "ann")])
        assert await house.events() == ["action.requested", "action.failed", "action.done"]


async def test_an_action_that_waits_holds_up_no_other(database: Database) -> None:
    async with acting(database) as house:
        await house.runner.request(an_action())
        await house.runner.request(an_action("ac_2", RoomAction.UNMUTE))
        done = await house.runner.record_result("ac_2", ActionOutcome.DONE, "on", "bot")
        assert done.state is ActionState.DONE
        assert (await house.action()).state is ActionState.PENDING


async def test_a_result_of_nothing_or_of_our_own_action_is_refused(database: Database) -> None:
    async with acting(database) as house:
        house.rooms.open.clear()
        await house.runner.request(ours())
        for id_, status in (("ac_9", 404), ("ac_1", 409)):
            with pytest.raises(Problem) as problem:
                await house.runner.record_result(id_, ActionOutcome.DONE, "", "bot")
            assert problem.value.status == status


async def test_an_effect_is_tried_again_while_the_store_is_away(database: Database) -> None:
    async with acting(database) as house:
        house.rooms.away = 1
        await house.runner.request(an_action(action=RoomAction.END))
        await house.runner.record_result("ac_1", ActionOutcome.DONE, "", "bot")
        await until(lambda: house.rooms.applied == [("end_room", "ann")])


async def test_a_confirmed_end_that_a_crash_cut_off_is_finished_by_the_next_run(
    database: Database,
) -> None:
    async with acting(database) as house:
        house.rooms.error = ZeroDivisionError()
        await house.runner.request(an_action(action=RoomAction.END))
        await house.runner.record_result("ac_1", ActionOutcome.DONE, "", "bot")
    async with acting(database) as house:
        await until(lambda: house.rooms.applied == [("end_room", "ann")])
    await SqlRooms(database).set_state("lobby", RoomState.ENDED, "")
    async with acting(database) as house:
        await asyncio.sleep(0.02)
        assert house.rooms.applied == []
