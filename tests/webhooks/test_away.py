from __future__ import annotations

import asyncio

import pytest

from service.errors import StoreAway
from service.storage.schema import open_database
from tests.postgres import Postgres
from tests.webhooks.conftest import relaying
from tests.webhooks.receivers import answers, in_turn, receiver

pytestmark = pytest.mark.anyio


@pytest.mark.postgres
@pytest.mark.timeout(180)
async def test_a_database_that_goes_away_and_comes_back_loses_nothing(
    own_postgres: Postgres,
) -> None:
    database = await open_database(own_postgres.url("migrated"))
    async with (
        receiver(answers(200)) as good,
        receiver(in_turn(answers(500), answers(200))) as bad,
        relaying(database) as running,
    ):
        for there in (good, bad):
            await running.add(there.url)
        await running.gaps(20)
        await good.until(5)
        await asyncio.to_thread(own_postgres.stop)
        with pytest.raises(StoreAway):
            await running.gaps(1)
        await asyncio.sleep(6)  # the second attempt at the bad receiver comes in this time
        await asyncio.to_thread(own_postgres.start)
        await running.gaps(5)
        for there in (good, bad):
            await there.until_different(25)
            first = list(dict.fromkeys(call.json["data"]["to_at"] for call in there.calls))
            assert len({call.id for call in there.calls}) == 25
            assert first[:20] == sorted(first[:20])
    await database.close()
