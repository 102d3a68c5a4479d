"""Actions over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from httpx import AsyncClient

from service.access.keys import Role
from service.alerts.alert import AlertRaised
from service.storage.engine import Database
from tests.api import Api
from tests.storage.examples import SECOND, SetClock, a_room, a_transcript, an_alert

pytestmark = pytest.mark.anyio


@pytest.fixture
async def api(database: Database) -> Api:
    """The API with an open room, and an alert in it."""
    api = Api(database, SetClock())
    await api.rooms.add(a_room())
    await api.alerts.commit(a_transcript(), [AlertRaised(an_alert())])
    return api


async def request(client: AsyncClient, action: str) -> dict[str, Any]:
    response = await client.post("/v1/alerts/a1/actions", json={"action": action})
    assert response.status_code == 202, response.text
    found: dict[str, Any] = response.json()
    return found


async def test_an_action_is_pending_until_its_result_is_reported(api: Api) -> None:
    api.routed = True
    async with (
        api.running(),
        api.caller("Mo") as mo,
        api.caller("rooms.example", Role.ROOM_SERVER) as rooms,
    ):
        asked = await request(mo, "mute_speaker")
        assert (asked["state"], asked["carrier"], asked["late"]) == ("pending", "webhook", False)
        requested_at = datetime.fromisoformat(asked["requested_at"])
        assert datetime.fromisoformat(asked["expires_at"]) == requested_at + 30 * SECOND
        path = f"/v1/actions/{asked['id']}"
        assert (await rooms.get(path)).json() == asked
        assert (await mo.post(f"{path}/result", json={"outcome": "done"})).status_code == 403
        for _ in range(2):
            taken = await rooms.post(f"{path}/result", json={"outcome": "done", "reason": "off"})
            assert taken.status_code == 200
            assert (taken.json()["state"], taken.json()["confirmed_by"]) == (
                "done",
                "rooms.example",
            )
        refused = await rooms.post(f"{path}/result", json={"outcome": "failed"})
        assert refused.status_code == 409
        assert refused.json()["type"] == "urn:earshot:problem:action-result-conflict"
        assert (await mo.get("/v1/alerts/a1")).json()["actions"] == [taken.json()]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"outcome": "pending"},
        {"outcome": "done", "reason": "x" * 501},
        {"outcome": "done", "x": 1},
    ],
)
async def test_a_result_that_says_nothing_is_refused(api: Api, body: dict[str, Any]) -> None:
    async with api.caller("rooms.example", Role.ROOM_SERVER) as rooms:
        assert (await rooms.post("/v1/actions/ac_1/result", json=body)).status_code == 422


async def test_an_unknown_action_is_not_found(api: Api) -> None:
    async with api.caller("root", Role.ADMIN) as admin:
        for refused in (
            await admin.get("/v1/actions/ac_1"),
            await admin.post("/v1/actions/ac_1/result", json={"outcome": "done"}),
        ):
            assert refused.status_code == 404
            assert refused.json()["type"] == "urn:earshot:problem:action-not-found"


async def test_everybody_with_a_key_may_read_an_action(api: Api) -> None:
    api.routed = True
    async with api.running(), api.caller("Mo") as mo, api.anybody() as nobody:
        path = f"/v1/actions/{(await request(mo, 'warn'))['id']}"
        for role in Role:
            async with api.caller(f"a {role}", role) as reader:
                assert (await reader.get(path)).status_code == 200
        assert (await nobody.get(path)).status_code == 401


@pytest.mark.parametrize(
    ("stage", "code", "kind"),
    [
        ("no webhook", "no_webhook", "no-action-webhook"),
        ("lost", "room_lost", "action-in-lost-room"),
        ("ended", "room_ended", "action-in-ended-room"),
    ],
)
async def test_an_impossible_action_is_refused_with_the_reason_that_the_case_shows(
    api: Api, stage: str, code: str, kind: str
) -> None:
    async with api.caller("Mo") as mo:
        if stage == "lost":  # no supervisor runs
            await check_refused(mo, code, kind)
            return
        async with api.running():
            if stage == "ended":
                await api.supervisor.close("lobby")
            await check_refused(mo, code, kind)


async def check_refused(mo: AsyncClient, code: str, kind: str) -> None:
    case = (await mo.get("/v1/alerts/a1")).json()
    assert case["can"] == []
    assert {one["code"] for one in case["cannot"]} == {code}
    refused = await mo.post("/v1/alerts/a1/actions", json={"action": "mute_speaker"})
    assert refused.status_code == 409
    problem = refused.json()
    assert problem["type"] == f"urn:earshot:problem:{kind}"
    assert (problem["code"], problem["detail"]) == (code, case["cannot"][0]["reason"])
