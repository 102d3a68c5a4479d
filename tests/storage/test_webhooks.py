from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from service.alerts.action import ActionRequested
from service.errors import Problem
from service.storage.engine import Database
from service.storage.event_log import append
from service.storage.expiry import expire
from service.storage.hooks import SqlHooks
from service.storage.webhooks import SqlWebhooks
from service.webhooks.delivery import Delivery, Outcome
from service.webhooks.delivery_records import dropped_backlog
from service.webhooks.endpoint import OLD_SECRET_FOR, Endpoint, EndpointState, Sealed
from service.webhooks.inbound import HookSecret, SealedHookSecret
from service.webhooks.ports import DeliveryQueue, Waiting
from service.webhooks.retry_schedule import Head
from service.webhooks.signing import VerifiedCall
from tests.storage.examples import NOW, SECOND, a_gap, a_transcript, an_action

pytestmark = pytest.mark.anyio


@pytest.fixture
def store(database: Database) -> SqlWebhooks:
    return SqlWebhooks(database)


def an_endpoint(id_: str = "wh_1", *, room: str = "*", types: tuple[str, ...] = ()) -> Sealed:
    endpoint = Endpoint(
        id=id_,
        url="https://example.com/hook",
        types=types,
        room=room,
        description="ours ☕",
        state=EndpointState.ENABLED,
        reason="",
        created_by="ann",
        created_at=NOW,
    )
    return Sealed(endpoint, "sealed")


def a_delivery(number: int = 1, *, event_id: int | None = 1, endpoint: str = "wh_1") -> Delivery:
    return Delivery(
        id=f"dl_{number}",
        endpoint_id=endpoint,
        message_id="msg_1",
        event_id=event_id,
        type="audio.gap",
        at=NOW + number * SECOND,
        attempt=number,
        outcome=Outcome.FAILED if number % 2 else Outcome.DELIVERED,
        status=500,
        error="é",
        response="no",
        duration_ms=7,
        signature="v1,x",
        next_attempt_at=NOW + SECOND,
    )


async def write(database: Database, count: int = 1, room_id: str = "lobby") -> None:
    async with database.write() as connection:
        for _ in range(count):
            await append(connection, a_gap(room_id=room_id), NOW)


async def test_a_new_endpoint_comes_back_as_it_was_and_starts_at_the_end_of_the_log(
    database: Database, store: SqlWebhooks
) -> None:
    await write(database, 3)
    sealed = an_endpoint(types=("audio.gap", "room.left"), room="lob*")
    await store.add(sealed)
    assert await store.get("wh_1") == sealed
    assert await store.all() == [sealed]
    assert await store.queues() == [DeliveryQueue("wh_1", "wh_1", 3, None, 3, Head())]
    assert await store.get("wh_2") is None


async def test_a_new_endpoint_starts_behind_events_that_have_expired(
    database: Database, store: SqlWebhooks
) -> None:
    await write(database, 3)
    await expire(database, NOW + timedelta(days=40), talk_hours=1, alert_days=30)
    await store.add(an_endpoint())
    assert [queue.cursor for queue in await store.queues()] == [3]


async def test_progress_and_attempts_come_back_as_they_were(
    database: Database, store: SqlWebhooks
) -> None:
    await write(database, 2)
    await store.add(an_endpoint())
    queue = DeliveryQueue("wh_1", "wh_1", 7, None, 5, Head(8, 3, NOW, NOW + SECOND))
    tried = [a_delivery(number, event_id=number) for number in range(1, 4)]
    await store.write([queue, replace(queue, id="gone", endpoint_id="wh_1")], tried)
    assert await store.queues() == [queue]
    page, cursor = await store.deliveries("wh_1", (), limit=2, cursor=None)
    assert [one for one, _ in page] == [tried[2], tried[1]]
    assert [None if event is None else event.id for _, event in page] == [None, 2]
    rest, end = await store.deliveries("wh_1", (), limit=2, cursor=cursor)
    assert ([one for one, _ in rest], end) == ([tried[0]], None)
    failed, _ = await store.deliveries("wh_1", [Outcome.FAILED], limit=5, cursor=None)
    assert [one for one, _ in failed] == [tried[2], tried[0]]
    assert await store.delivery("wh_1", "dl_2") == tried[1]
    assert await store.delivery("wh_2", "dl_2") is None
    with pytest.raises(Problem):
        await store.deliveries("wh_1", (), limit=2, cursor="none of ours")


async def test_what_is_written_twice_is_there_once(store: SqlWebhooks) -> None:
    await store.add(an_endpoint())
    await store.write([], [a_delivery(1)])
    await store.write([], [a_delivery(1), a_delivery(2)])
    page, _ = await store.deliveries("wh_1", (), limit=5, cursor=None)
    assert [one.id for one, _ in page] == ["dl_2", "dl_1"]


async def test_a_disabled_endpoint_has_no_lanes_until_it_is_enabled(store: SqlWebhooks) -> None:
    sealed = an_endpoint()
    await store.add(sealed)
    await store.disable("wh_1", "410")
    found = await store.get("wh_1")
    assert found is not None
    assert (found.endpoint.state, found.endpoint.reason) == (EndpointState.DISABLED, "410")
    assert await store.queues() == []
    await store.change(sealed.endpoint)
    assert len(await store.queues()) == 1


async def test_a_deleted_endpoint_is_remembered_without_its_secrets(store: SqlWebhooks) -> None:
    sealed = an_endpoint()
    await store.add(sealed)
    await store.rotate("wh_1", "newer", NOW)
    gone = replace(sealed.endpoint, reason="deleted by ann")
    await store.delete(gone, dropped_backlog(sealed, 3, NOW))
    await store.delete(replace(gone, reason="twice"), dropped_backlog(sealed, 3, NOW))
    found = await store.get("wh_1")
    assert found is not None
    assert (found.secret, found.old_secret) == ("", None)
    assert (found.endpoint.state, found.endpoint.reason) == (
        EndpointState.DELETED,
        "deleted by ann",
    )
    assert await store.all() == []
    assert await store.queues() == []
    page, _ = await store.deliveries("wh_1", (), limit=5, cursor=None)
    assert [one.outcome for one, _ in page] == [Outcome.DROPPED]
    await store.change(replace(sealed.endpoint, state=EndpointState.ENABLED))
    assert await store.all() == []


async def test_the_old_secret_signs_for_a_day(store: SqlWebhooks) -> None:
    await store.add(an_endpoint())
    await store.rotate("wh_1", "newer", NOW)
    found = await store.get("wh_1")
    assert found is not None
    assert found.valid(NOW + SECOND) == ("newer", "sealed")
    assert found.valid(NOW + OLD_SECRET_FOR) == ("newer",)
    await store.rotate("wh_1", "newest", NOW + SECOND)
    found = await store.get("wh_1")
    assert found is not None
    assert found.valid(NOW + SECOND) == ("newest", "newer")


async def test_what_waits_is_counted_by_what_the_endpoint_wants(
    database: Database, store: SqlWebhooks
) -> None:
    sealed = an_endpoint(types=("audio.gap",), room="lob*")
    await store.add(sealed)
    assert await store.waiting(sealed.endpoint) == Waiting(0, None)
    await write(database, 2)
    await write(database, 2, room_id="cellar")
    async with database.write() as connection:
        await append(connection, a_transcript(), NOW)
    assert await store.waiting(sealed.endpoint) == Waiting(2, NOW)


async def test_a_range_is_a_lane_of_its_own_until_it_ends(
    database: Database, store: SqlWebhooks
) -> None:
    await write(database, 5)
    await store.add(an_endpoint())
    assert await store.span(NOW, NOW) == (1, 5)
    assert await store.span(NOW + SECOND, NOW + 2 * SECOND) is None
    again = DeliveryQueue("wh_1.again_1", "wh_1", 1, 3, 3, Head())
    await store.redeliver(again)
    assert [queue.id for queue in await store.queues()] == ["wh_1", "wh_1.again_1"]
    await store.end_queue("wh_1.again_1")
    assert [queue.id for queue in await store.queues()] == ["wh_1"]


async def test_deliveries_go_with_their_event_and_deleted_endpoints_after_a_while(
    database: Database, store: SqlWebhooks
) -> None:
    await write(database, 1)
    sealed = an_endpoint()
    await store.add(sealed)
    await store.write(
        [], [a_delivery(1, event_id=1), a_delivery(2, event_id=99), a_delivery(3, event_id=None)]
    )
    assert await store.expire(NOW) == 1
    page, _ = await store.deliveries("wh_1", (), limit=5, cursor=None)
    assert [one.id for one, _ in page] == ["dl_3", "dl_1"]
    await store.delete(sealed.endpoint, dropped_backlog(sealed, 0, NOW))
    assert await store.expire(NOW + timedelta(days=1)) == 3
    assert await store.get("wh_1") is None


async def test_a_room_server_has_two_secrets_at_most(database: Database) -> None:
    hooks = SqlHooks(database)
    made = [
        SealedHookSecret(HookSecret(f"hs_{n}", "rooms", "ann", NOW + n * SECOND), f"sealed {n}")
        for n in range(3)
    ]
    for one in made[:2]:
        await hooks.add_secret(one)
    with pytest.raises(Problem, match="delete the old one"):
        await hooks.add_secret(made[2])
    await hooks.add_secret(replace(made[2], shown=replace(made[2].shown, room_server="others")))
    assert [one.secret for one in await hooks.secrets()] == ["sealed 0", "sealed 1", "sealed 2"]
    assert await hooks.remove_secret("hs_0")
    assert not await hooks.remove_secret("hs_0")
    assert len(await hooks.secrets()) == 2


async def test_a_call_is_remembered_by_its_newest_signature_for_a_while(database: Database) -> None:
    hooks = SqlHooks(database)
    assert await hooks.signed_at("rooms", "msg_1") is None
    await hooks.record(VerifiedCall("msg_1", 100, "rooms"), "done", NOW)
    await hooks.record(VerifiedCall("msg_1", 105, "rooms"), "duplicate", NOW + SECOND)
    assert await hooks.signed_at("rooms", "msg_1") == 105
    assert await hooks.signed_at("others", "msg_1") is None
    await hooks.forget_calls(NOW)
    assert await hooks.signed_at("rooms", "msg_1") == 105
    await hooks.forget_calls(NOW + SECOND)
    assert await hooks.signed_at("rooms", "msg_1") is None


async def request(
    database: Database, id_: str, *, seconds: int = 0, room_id: str = "lobby"
) -> None:
    at = NOW + seconds * SECOND
    action = replace(an_action(id_), room_id=room_id, requested_at=at)
    async with database.write() as connection:
        await append(connection, ActionRequested(action), at)


async def test_requested_actions_are_read_with_the_endpoints_that_are_done_with_them(
    database: Database, store: SqlWebhooks
) -> None:
    for id_ in ("wh_1", "wh_2", "wh_3", "wh_4"):
        await store.add(an_endpoint(id_))
    await request(database, "ac_old", seconds=-60)
    await write(database)
    await request(database, "ac_1")
    await request(database, "ac_2", seconds=1)
    outcomes = {
        "wh_1": Outcome.DELIVERED,
        "wh_2": Outcome.FAILED,
        "wh_3": Outcome.EXPIRED,
        "wh_4": Outcome.DROPPED,
    }
    tried = [
        replace(a_delivery(number, event_id=3, endpoint=id_), outcome=outcome)
        for number, (id_, outcome) in enumerate(outcomes.items())
    ]
    await store.write([], tried)
    first, second = await store.actions_since(NOW)
    assert (first[0].data["id"], set(first[1])) == ("ac_1", {"wh_1", "wh_3", "wh_4"})
    assert (second[0].data["id"], set(second[1])) == ("ac_2", set())
    assert await store.actions_since(NOW + 5 * SECOND) == []


async def test_requested_actions_do_not_wait_in_the_queue_and_are_counted_apart(
    database: Database, store: SqlWebhooks
) -> None:
    sealed = an_endpoint(room="lob*")
    await store.add(sealed)
    await request(database, "ac_1")
    await write(database)
    await request(database, "ac_2", room_id="cellar")
    await request(database, "ac_3")
    assert (await store.waiting(sealed.endpoint)).events == 1
    assert await store.count_actions(sealed.endpoint, 1, 4) == 2
    assert await store.count_actions(sealed.endpoint, 2, 3) == 0
    gaps_only = replace(sealed.endpoint, types=("audio.gap",))
    assert await store.count_actions(gaps_only, 1, 4) == 0
