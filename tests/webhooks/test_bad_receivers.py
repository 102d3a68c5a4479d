from __future__ import annotations

import asyncio
import secrets
from dataclasses import replace
from datetime import timedelta

import pytest

from service.access.sealing import CannotOpen, Seal
from service.clock import utc_now
from service.storage.engine import Database
from service.storage.expiry import expire
from service.webhooks.address import Allowed
from service.webhooks.delivery import Outcome, message_id
from service.webhooks.endpoint import EndpointState
from service.webhooks.ports import DeliveryQueue
from service.webhooks.relay import UNREADABLE
from service.webhooks.retry_schedule import Head
from tests.webhooks.bench import BAD, latencies, p95
from tests.webhooks.conftest import Running, relaying
from tests.webhooks.receivers import answers, in_turn, receiver, says_nothing

pytestmark = pytest.mark.anyio


async def test_a_healthy_receiver_hears_at_once_and_everything_beside_bad_ones(
    running: Running,
) -> None:
    found = await latencies(running, 60, 0.02)
    print(f"beside {len(BAD)} bad receivers: p95 {p95(found):.3f} s")  # noqa: T201
    assert len(found) == 60


async def test_an_address_that_may_not_be_called_is_refused_and_the_endpoint_told_why(
    database: Database,
) -> None:
    async with (
        relaying(database, allowed=Allowed()) as running,
        receiver(answers(200)) as there,
    ):
        sealed = await running.add(there.url)
        await running.gaps(1)
        (refused,) = await running.until(sealed, 1)
        assert refused.outcome is Outcome.REFUSED
        assert "loopback" in refused.error or "encryption" in refused.error
        assert refused.next_attempt_at is not None
        assert there.connections == 0


async def test_a_receiver_that_throttles_is_left_alone_for_as_long_as_it_asks(
    running: Running,
) -> None:
    async with receiver(in_turn(answers(429, Retry_After="60"), answers(200))) as there:
        sealed = await running.add(there.url)
        await running.gaps(2)
        (throttled,) = await running.until(sealed, 1)
        assert throttled.next_attempt_at is not None
        assert 59 < (throttled.next_attempt_at - throttled.at).total_seconds() < 62
        assert len(there.calls) == 1


async def test_the_last_failure_is_a_dead_letter_and_the_next_message_goes_on(
    running: Running,
) -> None:
    async with receiver(in_turn(answers(500), answers(200))) as there:
        sealed = await running.add(there.url)
        await running.relay.refresh(sealed.endpoint.id)
        queue = DeliveryQueue(
            sealed.endpoint.id, sealed.endpoint.id, 0, None, 0, Head(1, 9, utc_now())
        )
        await running.store.write([queue], [])
        await running.gaps(2)
        dead, delivered = await running.until(sealed, 2)
        assert (dead.outcome, dead.attempt, dead.next_attempt_at) == (Outcome.DEAD, 10, None)
        assert delivered.outcome is Outcome.DELIVERED
        assert delivered.message_id == message_id(sealed.endpoint.id, "2")


async def test_a_ping_that_gets_through_lets_what_waits_go_at_once(running: Running) -> None:
    behave = in_turn(answers(500), answers(500), answers(200))
    async with receiver(behave) as there:
        sealed = await running.add(there.url)
        await running.gaps(3)
        await there.until(2, timeout=15)
        async with asyncio.timeout(5):
            assert (await running.relay.ping(sealed)).outcome is Outcome.DELIVERED
            await there.until(6)
        assert not running.relay.is_failing(sealed.endpoint.id)


async def test_what_expired_undelivered_is_told_of_before_the_rest(database: Database) -> None:
    async with relaying(database) as running, receiver(answers(200)) as there:
        sealed = await running.add(there.url, types=["audio.gap"])
        off = replace(sealed.endpoint, state=EndpointState.DISABLED, reason="by ann")
        await running.store.change(off)
        await running.relay.refresh(off.id)
        await running.gaps(3)
        await expire(database, utc_now() + timedelta(days=31), talk_hours=1, alert_days=30)
        await running.gaps(2)
        await running.store.change(sealed.endpoint)
        await running.relay.refresh(off.id)
        calls = await there.until(3)
        reset = calls[0].json
        assert reset["type"] == "feed.reset"
        assert reset["data"] == {
            "webhook_id": off.id,
            "missed_from": 0,
            "missed_until": 3,
            "types": ["audio.gap"],
        }
        assert [call.id for call in calls[1:]] == [message_id(off.id, "4"), message_id(off.id, "5")]
        await running.gaps(1)
        calls = await there.until(4)
        assert [call.json["type"] for call in calls].count("feed.reset") == 1


async def test_progress_survives_a_restart_and_nothing_is_told_twice(database: Database) -> None:
    seal = Seal(secrets.token_bytes(32))
    async with receiver(answers(200)) as there:
        async with relaying(database, seal=seal) as running:
            await running.add(there.url)
            await running.gaps(20)
            await there.until(10)
        count = len(there.calls)
        async with relaying(database, seal=seal) as running:
            await running.gaps(5)
            await there.until(25)
            await asyncio.sleep(0.1)
        ids = [call.id for call in there.calls]
        assert len(set(ids)) == 25
        assert len(ids) <= 26, f"{count} before the stop"  # one request may have been under way


async def test_a_secret_sealed_with_another_key_disables_the_endpoint(database: Database) -> None:
    async with receiver(answers(200)) as there:
        async with relaying(database) as running:
            sealed = await running.add(there.url)
        async with relaying(database) as running:
            await running.gaps(1)
            found = None
            async with asyncio.timeout(5):
                while found is None or found.endpoint.state is EndpointState.ENABLED:
                    await asyncio.sleep(0.02)
                    found = await running.store.get(sealed.endpoint.id)
            assert found.endpoint.reason == UNREADABLE
            with pytest.raises(CannotOpen):
                await running.relay.ping(sealed)
        assert there.calls == []


async def test_a_deleted_endpoint_is_let_go_of_in_the_middle_of_a_request(running: Running) -> None:
    async with receiver(says_nothing) as there:
        sealed = await running.add(there.url)
        await running.gaps(3)
        await there.until(1)
        async with asyncio.timeout(30):
            await running.relay.refresh(sealed.endpoint.id)
