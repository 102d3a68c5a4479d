from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from service.alerts.action import (
    ActionOutcome,
    ActionState,
    ModeratorAction,
    apply_result,
    record_delivery,
)
from service.alerts.action import (
    expire as expire_action,
)
from service.alerts.alert import AlertRaised
from service.errors import Problem
from service.rooms.actions import RoomAction
from service.rooms.room import RoomState
from service.storage.actions import SqlActions
from service.storage.alerts import SqlAlerts
from service.storage.engine import Database
from service.storage.event_log import SqlEventLog
from service.storage.expiry import expire
from service.storage.rooms import SqlRooms, SqlTokens
from tests.storage.examples import (
    NOW,
    SECOND,
    SetClock,
    a_room,
    a_speaker,
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


async def finish(
    actions: SqlActions,
    action: ModeratorAction,
    outcome: ActionOutcome = ActionOutcome.DONE,
    *,
    after_s: float = 1,
) -> ModeratorAction:
    now = NOW + after_s * SECOND
    change = await actions.change(
        action.id, lambda known: apply_result(known, outcome, "so it is", "mod bot", now)
    )
    assert change is not None
    return change.after


async def types(database: Database) -> list[str]:
    return [event.type for event in await SqlEventLog(database).read(0, 99)]


async def test_an_action_is_on_record_before_and_after(
    actions: SqlActions, database: Database
) -> None:
    assert await actions.request(MUTE) is MUTE
    assert await actions.pending() == [MUTE]
    done = await finish(actions, MUTE)
    assert (done.state, done.confirmed_by) == (ActionState.DONE, "mod bot")
    assert await actions.pending() == []
    assert await actions.of_alert("a1") == [done]
    assert await actions.of_alert("a2") == []
    assert (await actions.get("ac_1"), await actions.get("ac_2")) == (done, None)
    assert (await types(database))[-2:] == ["action.requested", "action.done"]


async def test_a_failure_has_an_event_of_its_own(actions: SqlActions, database: Database) -> None:
    await actions.request(MUTE)
    await finish(actions, MUTE, ActionOutcome.FAILED)
    assert (await types(database))[-2:] == ["action.requested", "action.failed"]


async def test_a_delivery_is_on_record_and_has_no_event(
    actions: SqlActions, database: Database
) -> None:
    await actions.request(MUTE)
    for seconds in (1, 2):
        await actions.change("ac_1", partial(record_delivery, at=NOW + seconds * SECOND))
    (action,) = await actions.pending()
    assert action.delivered_at == NOW + SECOND, "the first"
    assert (await types(database))[-1] == "action.requested"
    assert await actions.change("ac_9", lambda known: known) is None


async def test_a_change_that_is_refused_writes_nothing(
    actions: SqlActions, database: Database
) -> None:
    await actions.request(MUTE)
    await finish(actions, MUTE)
    await finish(actions, MUTE)
    with pytest.raises(Problem) as problem:
        await finish(actions, MUTE, ActionOutcome.FAILED)
    assert problem.value.status == 409
    assert (await types(database)).count("action.done") == 1


async def test_an_action_that_is_requested_twice_is_done_once(
    actions: SqlActions, database: Database
) -> None:
    await actions.request(MUTE)
    assert await actions.request(an_action("ac_2")) == MUTE
    assert await actions.request(an_action("ac_3", RoomAction.WARN)) != MUTE
    other = an_action("ac_5", RoomAction.WARN, message="in other words")
    assert await actions.request(other) == other
    await finish(actions, MUTE)
    assert (await actions.request(an_action("ac_4"))).id == "ac_4"
    assert (await types(database)).count("action.requested") == 4


async def test_a_speaker_is_muted_from_the_confirmation_on(actions: SqlActions) -> None:
    await actions.request(MUTE)
    assert await actions.muted("lobby") == frozenset()
    await finish(actions, MUTE)
    assert await actions.muted("lobby") == {"ann"}
    assert await actions.muted("stage") == frozenset()


async def test_a_mute_that_failed_mutes_nobody(actions: SqlActions) -> None:
    await actions.request(MUTE)
    await finish(actions, MUTE, ActionOutcome.FAILED)
    assert await actions.muted("lobby") == frozenset()


async def test_a_second_mute_that_failed_leaves_the_first_one(actions: SqlActions) -> None:
    await actions.request(MUTE)
    await finish(actions, MUTE)
    again = an_action("ac_2")
    await actions.request(again)
    await finish(actions, again, ActionOutcome.FAILED)
    assert await actions.muted("lobby") == {"ann"}


async def test_a_late_result_has_its_effect_and_its_event(
    actions: SqlActions, database: Database
) -> None:
    await actions.request(MUTE)
    await actions.change("ac_1", lambda known: expire_action(known, NOW + 30 * SECOND))
    done = await finish(actions, MUTE, after_s=40)
    assert (done.state, done.late) == (ActionState.DONE, True)
    assert await actions.muted("lobby") == {"ann"}
    assert (await types(database))[-2:] == ["action.failed", "action.done"]


@pytest.mark.parametrize("outcome", ActionOutcome)
async def test_only_an_unmute_that_was_done_unmutes(
    actions: SqlActions, outcome: ActionOutcome
) -> None:
    await actions.request(MUTE)
    await finish(actions, MUTE)
    unmute = an_action("ac_2", RoomAction.UNMUTE)
    await actions.request(unmute)
    assert await actions.muted("lobby") == {"ann"}, "until it is done"
    await finish(actions, unmute, outcome)
    assert bool(await actions.muted("lobby")) is (outcome is ActionOutcome.FAILED)


async def test_a_mute_that_is_confirmed_after_a_later_unmute_mutes_nobody(
    actions: SqlActions,
) -> None:
    await actions.request(MUTE)
    unmute = replace(an_action("ac_2", RoomAction.UNMUTE), requested_at=NOW + SECOND)
    await actions.request(unmute)
    await finish(actions, unmute)
    await finish(actions, MUTE)
    assert await actions.muted("lobby") == frozenset(), "in doubt, the speaker is heard"


async def test_a_removal_that_is_done_revokes_the_speakers_tokens(
    actions: SqlActions, database: Database
) -> None:
    tokens = SqlTokens(database)
    await tokens.add_token("digest", a_speaker(), NOW + 60 * SECOND)
    await actions.request(an_action(action=RoomAction.REMOVE))
    assert await tokens.find_token("digest", NOW) is not None
    await finish(actions, MUTE)
    assert await tokens.find_token("digest", NOW) is None


async def test_a_result_for_a_room_that_has_ended_meanwhile_has_no_effect(
    actions: SqlActions, database: Database
) -> None:
    await actions.request(MUTE)
    rooms = SqlRooms(database)
    await rooms.set_state("lobby", RoomState.ENDED, "")
    await rooms.add(replace(a_room(), joined_at=NOW + 5 * SECOND))
    assert (await finish(actions, MUTE, after_s=9)).state is ActionState.DONE
    assert await actions.muted("lobby") == frozenset()


async def test_a_confirmed_end_whose_room_is_open_is_unfinished(
    actions: SqlActions, database: Database
) -> None:
    end = an_action(action=RoomAction.END)
    await actions.request(end)
    assert await actions.unfinished_ends() == []
    done = await finish(actions, end)
    assert await actions.unfinished_ends() == [done]
    await SqlRooms(database).set_state("lobby", RoomState.ENDED, "")
    assert await actions.unfinished_ends() == []


async def test_an_unmute_at_the_room_server_is_on_record_in_the_alert_that_muted(
    actions: SqlActions, database: Database
) -> None:
    await actions.request(MUTE)
    await finish(actions, MUTE)
    for _ in range(2):
        await actions.lifted("lobby", "ann")
    assert await actions.muted("lobby") == frozenset()
    _, lifted = await actions.of_alert("a1")
    assert (lifted.action, lifted.state) == (RoomAction.UNMUTE, ActionState.DONE)
    assert lifted.requested_by == "the room server"
    assert (await types(database)).count("action.done") == 2


@pytest.mark.parametrize("muted_first", [True, False])
async def test_a_mute_that_is_confirmed_after_the_room_servers_own_unmute_mutes_nobody(
    actions: SqlActions, muted_first: bool
) -> None:
    await actions.request(MUTE)
    if muted_first:
        await actions.record_room_mute("lobby", "ann")
    for _ in range(2):
        await actions.lifted("lobby", "ann")
    assert (await finish(actions, MUTE, after_s=10)).state is ActionState.DONE
    assert await actions.muted("lobby") == frozenset()
    kinds = [(one.action, one.requested_by) for one in await actions.of_alert("a1")]
    assert kinds == [
        (RoomAction.MUTE, MUTE.requested_by),
        (RoomAction.UNMUTE, "the room server"),
    ], "the unmute is on record once"


async def test_an_unmute_at_the_room_server_of_nobodys_mute_is_no_action(
    actions: SqlActions,
) -> None:
    await actions.lifted("lobby", "ann")
    await actions.request(MUTE)
    await finish(actions, MUTE, ActionOutcome.FAILED)
    await actions.lifted("lobby", "ann")
    assert [one.action for one in await actions.of_alert("a1")] == [RoomAction.MUTE]


async def test_nobody_is_muted_in_a_room_that_has_ended(
    actions: SqlActions, database: Database
) -> None:
    await actions.request(MUTE)
    await finish(actions, MUTE)
    await SqlRooms(database).set_state("lobby", RoomState.ENDED, "")
    assert await actions.muted("lobby") == frozenset()


async def test_actions_and_their_reasons_expire_with_their_alert(
    actions: SqlActions, database: Database
) -> None:
    await actions.request(MUTE)
    await finish(actions, MUTE)
    await expire(database, NOW + 3600 * 24 * 31 * SECOND, talk_hours=24, alert_days=30)
    assert await actions.of_alert("a1") == []
    assert "action.requested" not in await types(database)
    assert await actions.muted("lobby") == {"ann"}, "a mute goes with its room"
    await actions.lifted("lobby", "ann")
    assert await actions.muted("lobby") == frozenset()
