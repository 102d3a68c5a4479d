from __future__ import annotations

import asyncio
import random
import secrets

import pytest
from standardwebhooks import Webhook

from service.access.sealing import Seal
from service.storage.engine import Database
from service.storage.webhooks import SqlWebhooks
from service.webhooks.delivery import Outcome, message_id
from service.webhooks.endpoint import EndpointState
from tests.storage.examples import a_gap, a_transcript
from tests.webhooks.conftest import Running, relaying
from tests.webhooks.receivers import answers, in_turn, receiver

pytestmark = pytest.mark.anyio


async def test_events_arrive_in_order_signed_so_that_the_standard_library_of_others_agrees(
    running: Running,
) -> None:
    async with receiver(answers(204)) as there:
        sealed = await running.add(there.url)
        await running.gaps(30)
        calls = await there.until(30)
        assert [call.json["data"]["to_at"] for call in calls] == sorted(
            call.json["data"]["to_at"] for call in calls
        )
        webhook = Webhook(running.seal.open(sealed.secret, sealed.endpoint.id))
        for number, call in enumerate(calls, 1):
            assert webhook.verify(call.body.decode(), dict(call.headers)) == call.json
            assert call.id == message_id(sealed.endpoint.id, str(number))
        assert there.connections == 1
        tried = await running.until(sealed, 30)
        assert {one.outcome for one in tried} == {Outcome.DELIVERED}


async def test_an_endpoint_gets_what_it_asked_for_from_its_making_on(running: Running) -> None:
    await running.gaps(5)
    async with receiver(answers(200)) as there:
        await running.add(there.url, types=["audio.gap"], room="lob*")
        await running.write(a_gap(room_id="cellar"), a_transcript(), a_gap(seconds=9))
        calls = await there.until(1)
        await asyncio.sleep(0.1)
        assert [call.json["type"] for call in calls] == ["audio.gap"]
        assert calls[0].json["data"]["room_id"] == "lobby"


async def test_a_message_that_fails_holds_up_those_behind_it_and_keeps_its_id(
    running: Running,
) -> None:
    async with receiver(in_turn(answers(500, "no"), answers(200))) as there:
        sealed = await running.add(there.url)
        await running.gaps(3)
        (failed,) = await running.until(sealed, 1)
        assert (failed.outcome, failed.status, failed.response) == (Outcome.FAILED, 500, "no")
        assert failed.next_attempt_at is not None
        assert 4 < (failed.next_attempt_at - failed.at).total_seconds() < 6
        calls = await there.until(4)
        assert calls[0].id == calls[1].id
        assert calls[0].body == calls[1].body
        assert len({call.id for call in calls}) == 3
        assert calls[1].at_s - calls[0].at_s > 4


async def test_410_disables_the_endpoint_which_goes_on_where_it_was(running: Running) -> None:
    async with receiver(in_turn(answers(410), answers(200))) as there:
        sealed = await running.add(there.url)
        await running.gaps(3)
        await there.until(1)
        async with asyncio.timeout(5):
            while (found := await running.store.get(sealed.endpoint.id)) is not None:
                if found.endpoint.state is EndpointState.DISABLED:
                    break
                await asyncio.sleep(0.02)
        assert found is not None
        assert "410" in found.endpoint.reason
        assert len(there.calls) == 1
        await running.store.change(sealed.endpoint)
        await running.relay.refresh(sealed.endpoint.id)
        calls = await there.until(4)
        assert [call.id for call in calls[1:]] == [
            message_id(sealed.endpoint.id, str(number)) for number in (1, 2, 3)
        ]


async def test_it_stops_at_any_moment_and_goes_on_where_it_was(database: Database) -> None:
    seal, chance = Seal(secrets.token_bytes(32)), random.Random(7)
    async with receiver(answers(200)) as there:
        total = 0
        for _ in range(30):
            async with asyncio.timeout(4), relaying(database, seal=seal) as running:
                if not total:
                    await running.add(there.url)
                count = chance.randint(1, 10)
                total += count
                await running.gaps(count)
                await asyncio.sleep(chance.choice([0, 0.01, 0.1, 0.12]) * chance.random() * 2)
        async with relaying(database, seal=seal):
            await there.until_different(total)
    first = list(dict.fromkeys(call.id for call in there.calls))
    (queue,) = await SqlWebhooks(database).queues()
    assert first == [message_id(queue.endpoint_id, str(n)) for n in range(1, total + 1)]
