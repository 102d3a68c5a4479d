"""HTTP answers to a publisher when the fault is ours."""

from __future__ import annotations

import asyncio

import aioice.ice
import pytest
from structlog.testing import capture_logs

from service.access.keys import Role
from service.rooms.peer.contract import PLAIN_OFFER
from service.storage.engine import Database
from tests.api import Api
from tests.rooms.calls import until
from tests.storage.examples import SetClock

pytestmark = pytest.mark.anyio

SDP = {"Content-Type": "application/sdp"}


async def test_a_missing_private_name_is_answered_with_500_and_named_in_the_log(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    api, before = Api(database, SetClock()), asyncio.all_tasks()
    room = {"id": "lobby", "connector": {"kind": "whip"}}
    async with api.running(), api.caller("Ada", Role.ADMIN) as admin:
        assert (await admin.post("/v1/rooms", json=room)).status_code == 201
        made = await admin.post("/v1/rooms/lobby/publish-tokens", json={"speaker_id": "ann"})
        bearer = {"Authorization": f"Bearer {made.json()['token']}"}
        async with api.anybody(**SDP, **bearer) as publisher:
            monkeypatch.delattr(aioice.ice, "get_host_addresses")
            with capture_logs() as lines:
                refused = await publisher.post("/whip/lobby", content=PLAIN_OFFER)
            assert (refused.status_code, refused.json()["title"]) == (500, "Cannot answer")
            (line,) = [line for line in lines if line["event"] == "peer.cannot_answer"]
            assert "aioice.ice.get_host_addresses is missing" in line["missing"]
            monkeypatch.undo()
            answered = await publisher.post("/whip/lobby", content=PLAIN_OFFER)
            assert answered.status_code == 201, "no session was left behind"
            assert (await publisher.delete(answered.headers["Location"])).status_code == 200
    await until(lambda: asyncio.all_tasks() == before)  # aiortc's own end a moment later
