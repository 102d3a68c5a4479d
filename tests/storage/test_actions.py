from __future__ import annotations

from dataclasses import replace

import pytest

from service.alerts.action import ActionState, ModeratorAction
from service.alerts.alert import AlertRaised
from service.rooms.actions import RoomAction
from service.rooms.room import RoomState
from service.storage.actions import SqlActions
from service.storage.alerts import SqlAlerts
from service.storage.engine import Database
from service.storage.event_log import SqlEventLog
from service.storage.expiry import expire
from service.storage.rooms import SqlRooms
from tests.storage.examples import (
    NOW,
    SECOND,
    SetClock,
    a_room,
    a_transcript,
    an_action,
    an_alert,
)

pytestmark = pytest.mark.anyio

MUTE = an_action()


@pytest.fixture
async def actions(database: Database) -> SqlActions:
    """Store of actions, with a room that has one alert."""
    await SqlRooms(database).add(a_room())
    await SqlAlerts(database).commit(a_transcript(), [AlertRaised(an_alert())])
    return SqlActions(database, SetClock(NOW + 9 * SECOND))


def over(action: ModeratorAction, state: ActionState = ActionState.DONE) -> ModeratorAction:
    return replace(action, state=state, detail="so it is", finished_at=NOW + SECOND)


async def types(database: Database) -> list[str]:
    return [event.type for event in await SqlEventLog(database).read(0, 99)]


async def test_an_action_is_on_record_before_and_after(
    actions: SqlActions, database: Database
) -> None:
    assert await actions.request(MUTE) is MUTE
    assert await actions.pending() == [MUTE]
    await actions.finish(over(MUTE))
    assert await actions.pending() == []
    assert await actions.of_alert("a1") == [over(MUTE)]
    assert await actions.of_alert("a2") == []
    assert (await types(database))[-2:] == ["action.requested", "action.done"]


async def test_what_is_asked_for_twice_is_done_once(
    actions: SqlActions, database: Database
) -> None:
    await actions.request(MUTE)
    assert await actions.request(an_action("ac_2")) == MUTE
    assert await actions.request(an_action("ac_3", RoomAction.WARN)) != MUTE
    other = an_action("ac_5", RoomAction.WARN, message="in other words")
    assert await actions.request(other) == other
    await actions.finish(over(MUTE))
    assert (await actions.request(an_action("ac_4"))).id == "ac_4"
    assert (await types(database)).count("action.requested") == 4


async def test_whoever_is_to_be_muted_is_muted_from_the_request_on(actions: SqlActions) -> None:
    await actions.request(MUTE)
    assert await actions.muted("lobby") == {"ann"}
    assert await actions.muted("stage") == frozenset()
    await actions.finish(over(MUTE))
    assert await actions.muted("lobby") == {"ann"}


async def test_a_mute_that_failed_is_none(actions: SqlActions) -> None:
    await actions.request(MUTE)
    await actions.finish(over(MUTE, ActionState.FAILED))
    assert await actions.muted("lobby") == frozenset()


async def test_a_second_mute_that_failed_leaves_the_first_one(actions: SqlActions) -> None:
    await actions.request(MUTE)
    await actions.finish(over(MUTE))
    again = an_action("ac_2")
    await actions.request(again)
    await actions.finish(over(again, ActionState.FAILED))
    assert await actions.muted("lobby") == {"ann"}


async def test_a_second_mute_that_was_done_outlasts_the_failed_first(actions: SqlActions) -> None:
    again = an_action("ac_2", message="of another alert")
    await actions.request(MUTE)
    await actions.request(again)
    await actions.finish(over(MUTE, ActionState.FAILED))
    await actions.finish(over(again))
    assert await actions.muted("lobby") == {"ann"}


@pytest.mark.parametrize("state", [ActionState.DONE, ActionState.FAILED])
async def test_only_an_unmute_that_was_done_unmutes(
    actions: SqlActions, state: ActionState
) -> None:
    await actions.request(MUTE)
    await actions.finish(over(MUTE))
    unmute = an_action("ac_2", RoomAction.UNMUTE)
    await actions.request(unmute)
    assert await actions.muted("lobby") == {"ann"}, "until it is done"
    await actions.finish(over(unmute, state))
    assert bool(await actions.muted("lobby")) is (state is ActionState.FAILED)


async def test_an_unmute_at_the_room_server_is_on_record_in_the_alert_that_muted(
    actions: SqlActions, database: Database
) -> None:
    await actions.request(MUTE)
    await actions.finish(over(MUTE))
    for _ in range(2):
        await actions.lifted("lobby", "ann")
    assert await actions.muted("lobby") == frozenset()
    _, lifted = await actions.of_alert("a1")
    assert (lifted.action, lifted.state) == (RoomAction.UNMUTE, ActionState.DONE)
    assert lifted.requested_by == "the room server"
    assert (await types(database)).count("action.done") == 2


async def test_nobody_is_muted_in_a_room_that_has_ended(
    actions: SqlActions, database: Database
) -> None:
    await actions.request(MUTE)
    await SqlRooms(database).set_state("lobby", RoomState.ENDED, "")
    assert await actions.muted("lobby") == frozenset()


async def test_actions_and_their_reasons_expire_with_their_alert(
    actions: SqlActions, database: Database
) -> None:
    await actions.request(MUTE)
    await actions.finish(over(MUTE))
    await expire(database, NOW + 3600 * 24 * 31 * SECOND, talk_hours=24, alert_days=30)
    assert await actions.of_alert("a1") == []
    assert "action.requested" not in await types(database)
    assert await actions.muted("lobby") == {"ann"}, "a mute goes with its room"
    await actions.lifted("lobby", "ann")
    assert await actions.muted("lobby") == frozenset()
