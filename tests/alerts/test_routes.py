from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from httpx import AsyncClient

from policies.severity import Severity
from service.access.keys import Role
from service.alerts.alert import AlertRaised
from service.storage.engine import Database
from service.storage.event_log import SqlEventLog
from tests.api import Api
from tests.storage.examples import NOW, SECOND, SetClock, a_gap, a_transcript, an_alert

pytestmark = pytest.mark.anyio


@pytest.fixture
async def api(database: Database) -> Api:
    """The API with one open alert, `a1`."""
    api = Api(database, SetClock())
    await api.alerts.commit(a_transcript(), [AlertRaised(an_alert())])
    return api


async def do(client: AsyncClient, act: str, **body: Any) -> dict[str, Any]:
    response = await client.post(f"/v1/alerts/a1/{act}", json=body or None)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def actions(client: AsyncClient) -> list[tuple[str, str, str]]:
    case = (await client.get("/v1/alerts/a1")).json()
    return [(step["who"], step["action"], step["reason"]) for step in case["history"]]


async def test_every_step_of_an_alert_is_in_its_history(api: Api) -> None:
    async with api.caller("Mo") as mo, api.caller("Jo") as jo:
        taken = await do(mo, "acknowledge")
        assert (taken["state"], taken["owner"], taken["outcome"]) == ("acknowledged", "Mo", None)
        assert (await do(jo, "assign"))["owner"] == "Jo"
        assert (await do(mo, "assign", owner="Zoë"))["owner"] == "Zoë"
        await do(jo, "notes", text="  said it twice\nand laughed ")
        decided = await do(mo, "resolve", outcome="dismissed", reason="banter")
        assert (decided["state"], decided["owner"], decided["outcome"]) == (
            "resolved",
            "Mo",
            "dismissed",
        )
        again = await do(jo, "reopen", to="acknowledged", reason="not banter")
        assert (again["state"], again["owner"], again["outcome"]) == ("acknowledged", "Mo", None)
        assert (await do(jo, "reopen"))["owner"] == ""
        assert await actions(mo) == [
            ("Mo", "acknowledge", ""),
            ("Jo", "assign: Jo", ""),
            ("Mo", "assign: Zoë", ""),
            ("Jo", "note", "said it twice\nand laughed"),
            ("Mo", "resolve: dismissed", "banter"),
            ("Jo", "reopen", "not banter"),
            ("Jo", "reopen", ""),
        ]


async def test_assigning_an_alert_to_its_owner_leaves_no_trace(
    api: Api, database: Database
) -> None:
    async with api.caller("Mo") as mo:
        await do(mo, "acknowledge")
        before = await SqlEventLog(database).latest()
        assert (await do(mo, "assign"))["owner"] == "Mo"
        assert len(await actions(mo)) == 1
    assert await SqlEventLog(database).latest() == before


async def test_the_second_of_two_decisions_is_refused_with_the_name_of_the_first(api: Api) -> None:
    async with api.caller("Mo") as mo, api.caller("Jo") as jo:
        acts = [client.post("/v1/alerts/a1/acknowledge") for client in (mo, jo)]
        first, second = sorted(await asyncio.gather(*acts), key=lambda done: done.status_code)
        assert (first.status_code, second.status_code) == (200, 409)
        who = first.json()["owner"]
        assert second.json()["detail"] == (
            f"alert a1 is acknowledged since {who} acknowledged it at 2026-05-17T12:00:00.123Z; "
            "to acknowledge it, it must be open"
        )
        assert second.json()["last"]["who"] == who


async def test_roles_that_may_not_decide_are_refused(api: Api) -> None:
    for role in (Role.OBSERVER, Role.ROOM_SERVER):
        async with api.caller("Ob", role) as observer:
            for act in ("acknowledge", "assign", "notes", "resolve", "reopen"):
                assert (await observer.post(f"/v1/alerts/a1/{act}")).status_code == 403


@pytest.mark.parametrize(
    ("act", "body"),
    [
        ("notes", {}),
        ("notes", {"text": ""}),
        ("notes", {"text": " \n "}),
        ("notes", {"text": "x" * 2001}),
        ("notes", {"text": "a\x00b"}),
        ("assign", {"owner": ""}),
        ("assign", {"owner": "two\nlines"}),
        ("assign", {"owner": "x" * 201}),
        ("assign", {"to": "Mo"}),
        ("reopen", {"to": "resolved"}),
        ("resolve", {"outcome": "maybe"}),
        ("acknowledge", {"reason": "a\x1b[0m"}),
    ],
)
async def test_a_body_that_cannot_be_stored_is_422(
    api: Api, act: str, body: dict[str, str]
) -> None:
    async with api.caller("Mo") as mo:
        assert (await mo.post(f"/v1/alerts/a1/{act}", json=body)).status_code == 422
        assert await actions(mo) == []


async def test_every_call_on_an_unknown_alert_is_404(api: Api) -> None:
    bodies = {"resolve": {"outcome": "upheld"}, "notes": {"text": "hm"}}
    async with api.caller("Mo") as mo:
        for act in ("acknowledge", "resolve", "reopen", "assign", "notes"):
            response = await mo.post(f"/v1/alerts/a9/{act}", json=bodies.get(act))
            assert (response.status_code, response.json()["title"]) == (404, "No such alert")


async def test_events_carry_owner_and_outcome(api: Api, database: Database) -> None:
    async with api.caller("Mo") as mo:
        await do(mo, "acknowledge")
        await do(mo, "notes", text="hm")
        await do(mo, "resolve", outcome="upheld")
    events = (await SqlEventLog(database).read(0, 100))[2:]
    assert [(event.type, event.data["owner"], event.data["outcome"]) for event in events] == [
        ("alert.updated", "Mo", None),
        ("alert.updated", "Mo", None),
        ("alert.resolved", "Mo", "upheld"),
    ]
    assert NOW + SECOND > events[-1].at


async def listed(client: AsyncClient, query: str) -> list[str]:
    response = await client.get(f"/v1/alerts?{query}")
    assert response.status_code == 200, response.text
    return [alert["id"] for alert in response.json()["items"]]


async def test_lists_are_filtered_by_repeated_parameters_and_ordered(api: Api) -> None:
    for number, severity in enumerate((Severity.CRITICAL, Severity.LOW), start=2):
        alert = an_alert(
            f"a{number}", NOW + number * SECOND, utterance_id=f"u{number}", severity=severity
        )
        alert = replace(alert, speaker_id=f"s{number}", category=f"c{number}")
        await api.alerts.commit(a_transcript(f"u{number}"), [AlertRaised(alert)])
    async with api.caller("Mo") as mo:
        await do(mo, "acknowledge")
        assert await listed(mo, "") == ["a3", "a2", "a1"]
        assert await listed(mo, "order=severity") == ["a2", "a1", "a3"]
        assert await listed(mo, "state=open") == ["a3", "a2"]
        assert await listed(mo, "state=open&state=acknowledged&order=newest") == ["a3", "a2", "a1"]
        assert await listed(mo, "speaker=s2&speaker=ann") == ["a2", "a1"]
        assert await listed(mo, "category=c3&category=c2&severity=high") == ["a2"]
        page = (await mo.get("/v1/alerts?order=severity&limit=1")).json()
        cursor = page["next_cursor"]
        assert await listed(mo, f"order=severity&cursor={cursor}") == ["a1", "a3"]
        refused = await mo.get(f"/v1/alerts?cursor={cursor}")
        assert refused.status_code == 400
        assert "`order=severity`; send that with it" in refused.json()["detail"]


async def test_a_case_shows_the_gaps_of_its_time(api: Api) -> None:
    for second in (-100, -50, 50, 100):
        await api.hearing.gap(a_gap(NOW + second * SECOND))
    async with api.caller("Mo") as mo:
        case = (await mo.get("/v1/alerts/a1")).json()
    assert [gap["from_at"] for gap in case["gaps"]] == [
        "2026-05-17T11:59:10.123Z",
        "2026-05-17T12:00:50.123Z",
    ]
    assert [heard["utterance_id"] for heard in case["talk"]] == ["u1"]


async def test_the_api_describes_its_lists(api: Api) -> None:
    async with api.caller("Mo") as mo:
        found = (await mo.get("/openapi.json")).json()
    names = {one["name"] for one in found["paths"]["/v1/alerts"]["get"]["parameters"]}
    assert names >= {"state", "speaker", "category", "severity", "order", "room"}
    schemas = found["components"]["schemas"]
    assert {"owner", "outcome"} <= set(schemas["Alert"]["properties"])
    assert {"talk", "gaps", "history"} <= set(schemas["Case"]["properties"])
    assert "speakers" in schemas["ListedRoom"]["properties"]


async def test_an_escalation_is_on_record_once(api: Api) -> None:
    async with api.caller("Mo") as mo, api.caller("Ada", Role.ADMIN) as admin:
        body = {"to": "  night shift ", "reason": "the host is away"}
        first = await do(mo, "escalate", **body)
        assert (first["state"], first["escalated_to"]) == ("open", "night shift")
        assert await do(mo, "escalate", **body) == first
        assert (await do(mo, "escalate"))["escalated_to"] == ""
        assert await actions(mo) == [
            ("Mo", "escalate: night shift", "the host is away"),
            ("Mo", "escalate", ""),
        ]
        audit = (await admin.get("/v1/audit?subject=a1")).json()["items"]
        assert {(entry["action"], entry["who"], entry["reason"]) for entry in audit} == {
            ("alert.escalated", "Mo", "to night shift"),
            ("alert.escalated", "Mo", "to the operator's on-call"),
        }
        assert len(audit) == 2


@pytest.mark.parametrize(
    "body", [{"to": "x" * 201}, {"to": "two\nlines"}, {"to": None}, {"too": "Cy"}, {"to": 7}]
)
async def test_an_escalation_to_no_name_is_refused(api: Api, body: dict[str, Any]) -> None:
    async with api.caller("Mo") as mo:
        refused = await mo.post("/v1/alerts/a1/escalate", json=body)
        assert refused.status_code == 422
        assert "items" not in refused.json()["detail"], "a name has characters"
        assert (await mo.post("/v1/alerts/a2/escalate", json={})).status_code == 404
        assert (await mo.get("/v1/alerts?escalated=perhaps")).status_code == 422


@pytest.mark.parametrize("role", [Role.OBSERVER, Role.ROOM_SERVER])
async def test_only_moderators_and_admins_escalate(api: Api, role: Role) -> None:
    async with api.caller("Who", role) as who:
        assert (await who.post("/v1/alerts/a1/escalate")).status_code == 403


async def test_a_case_of_a_room_that_is_gone_has_guidance(api: Api) -> None:
    async with api.caller("Mo") as mo:
        guidance = (await mo.get("/v1/alerts/a1")).json()["guidance"]
    assert guidance["outcomes"] == ["upheld", "dismissed"]
    assert guidance["reasons"].keys() == {"upheld", "dismissed"}
    assert guidance["helplines"] == []
    assert {"code", "text", "action", "message"} == guidance["steps"][0].keys()
