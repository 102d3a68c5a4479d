"""Answers of the server, checked against its OpenAPI document."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from policies.packs import demo_packs
from service.alerts.alert import AlertRaised
from service.app import create_app
from service.clock import utc_now
from service.storage.alerts import SqlAlerts
from service.storage.schema import open_database
from tests.e2e.offers import OFFER
from tests.rulebook.examples import text_of
from tests.server import Server
from tests.storage.examples import a_transcript, an_alert

EXAMPLES = 10
"""Examples for each call, beside the edges of every field: half a minute on two busy cores."""

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]

ROOM = {"id": "lobby", "connector": {"kind": "whip"}}
END = "a=mid:0\r\na=end-of-candidates\r\n"
HOOK = {"url": "https://rooms.invalid/earshot", "types": []}

document = schemathesis.openapi.from_dict(create_app().openapi())
document.config.generation.update(max_examples=EXAMPLES, deterministic=True)

calls = document.exclude(path="/v1/feed")  # it does not end; see the last test


@schemathesis.serializer("application/sdp", "application/trickle-ice-sdpfrag")
def as_text(context: schemathesis.SerializationContext, value: Any) -> bytes:
    return str(value).encode(errors="replace")


@calls.parametrize()
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_every_request_is_answered_as_documented(
    case: schemathesis.Case[Any], shared_server: Server
) -> None:
    case.call_and_validate(
        base_url=shared_server.url,
        headers={"Authorization": f"Bearer {shared_server.key}"},
        checks=CHECKS,
    )


@pytest.fixture(scope="module")
def client(shared_server: Server) -> Iterator[httpx.Client]:
    with shared_server.client() as client:
        yield client


class Checked:
    """Client that checks each answer against the document."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def __call__(
        self,
        status: int,
        method: str,
        path: str,
        ids: dict[str, str] | None = None,
        **sent: Any,
    ) -> httpx.Response:
        answer = self._client.request(method, path.format(**(ids or {})), **sent)
        assert answer.status_code == status, answer.text
        case = document[path][method].Case(path_parameters=ids or {})
        case.validate_response(answer, checks=CHECKS)
        return answer


@pytest.fixture
def call(client: httpx.Client) -> Checked:
    return Checked(client)


def put_an_alert(server: Server) -> None:
    """Store a transcript with an alert."""

    async def put() -> None:
        database = await open_database(f"sqlite:///{server.data / 'earshot.db'}")
        try:
            now = utc_now()
            heard = replace(a_transcript(), started_at=now, ended_at=now)
            alert = replace(an_alert(at=now), raised_at=now)
            await SqlAlerts(database).commit(heard, [AlertRaised(alert)])
        finally:
            await database.close()

    asyncio.run(put())


def test_an_alert_and_its_case_are_as_described(call: Checked, shared_server: Server) -> None:
    put_an_alert(shared_server)
    of = {"alert_id": "a1"}
    (listed,) = call(200, "GET", "/v1/alerts").json()["items"]
    assert listed["id"] == "a1"
    call(200, "POST", "/v1/alerts/{alert_id}/acknowledge", of)
    call(200, "POST", "/v1/alerts/{alert_id}/notes", of, json={"text": "a note"})
    call(200, "POST", "/v1/alerts/{alert_id}/assign", of, json={"owner": "Ann"})
    call(200, "POST", "/v1/alerts/{alert_id}/resolve", of, json={"outcome": "upheld"})
    call(409, "POST", "/v1/alerts/{alert_id}/acknowledge", of)
    call(200, "POST", "/v1/alerts/{alert_id}/reopen", of)
    case = call(200, "GET", "/v1/alerts/{alert_id}", of).json()
    assert case["talk"]
    assert len(case["history"]) == 5


def test_how_rules_do_and_what_drafts_would_change_are_as_described(
    call: Checked, shared_server: Server
) -> None:
    put_an_alert(shared_server)
    rules = call(200, "GET", "/v1/policies/report").json()["rules"]
    assert "gift-cards" in [rule["rule_id"] for rule in rules]
    call(422, "GET", "/v1/policies/report", params={"until": "2020-01-01T00:00:00Z"})
    draft = (demo_packs() / "demo.yaml").read_text("utf-8")
    found = call(200, "POST", "/v1/policies/backtest", json={"packs": [draft]}).json()
    assert (found["utterances"], found["changed_alerts"]) == (1, 0)
    call(422, "POST", "/v1/policies/backtest", json={"packs": [draft.replace("title", "name", 1)]})


def test_a_room_is_as_described_from_its_opening_to_its_end(call: Checked) -> None:
    of = {"room_id": "lobby"}
    call(201, "POST", "/v1/rooms", json=ROOM)
    call(200, "POST", "/v1/rooms", json=ROOM)
    call(409, "POST", "/v1/rooms", json={**ROOM, "title": "Another"})
    asked = {"speaker_id": "ann"}
    token = call(201, "POST", "/v1/rooms/{room_id}/publish-tokens", of, json=asked).json()["token"]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/sdp"}
    publishing = call(201, "POST", "/whip/{room_id}", of, content=OFFER, headers=headers)
    call(409, "POST", "/whip/{room_id}", of, content=OFFER, headers=headers)
    call(200, "GET", "/v1/rooms/{room_id}", of)
    call(200, "GET", "/v1/rooms/{room_id}/talk", of)
    session = {**of, "session_id": publishing.headers["location"].rpartition("/")[2]}
    trickle = {**headers, "Content-Type": "application/trickle-ice-sdpfrag"}
    call(428, "PATCH", "/whip/{room_id}/{session_id}", session, content=END, headers=trickle)
    call(200, "DELETE", "/whip/{room_id}/{session_id}", session, headers=headers)
    call(204, "DELETE", "/v1/rooms/{room_id}", of)
    call(404, "DELETE", "/v1/rooms/{room_id}", of)


def test_a_webhook_is_as_described_from_its_making_to_its_end(call: Checked) -> None:
    made = call(201, "POST", "/v1/webhooks", json=HOOK).json()
    of = {"webhook_id": made["id"]}
    path = "/v1/webhooks/{webhook_id}"
    call(200, "POST", path + "/rotate", of)
    call(200, "PATCH", path, of, json={"enabled": False})
    call(409, "POST", path + "/redeliver", of, json={"from": "2026-01-01T00:00:00Z"})
    call(200, "GET", "/v1/webhooks")
    call(200, "GET", path, of)
    call(204, "DELETE", path, of)
    call(200, "GET", path + "/deliveries", of)


def test_keys_and_the_audit_are_as_described(call: Checked) -> None:
    asked = {"name": "Mo", "role": "moderator", "expires_in_days": 7}
    of = {"key_id": call(201, "POST", "/v1/keys", json=asked).json()["id"]}
    items = call(200, "GET", "/v1/keys").json()["items"]
    call(204, "DELETE", "/v1/keys/{key_id}", of)
    own = next(one["id"] for one in items if one["name"] == "first admin")
    call(409, "DELETE", "/v1/keys/{key_id}", {"key_id": own})
    audit = call(200, "GET", "/v1/audit", params={"limit": 1}).json()
    assert audit["items"][0]["action"] == "key.revoked"
    call(200, "GET", "/v1/audit", params={"cursor": audit["next_cursor"]})
    call(400, "GET", "/v1/audit", params={"cursor": "none"})


def test_policies_are_as_described_from_their_sending_to_their_coming_back(call: Checked) -> None:
    path, of = "/v1/policies/{pack}", {"pack": "sent"}
    yaml = {"Content-Type": "application/yaml"}
    made = call(200, "PUT", path, of, content=text_of("sent"), headers=yaml).json()
    call(422, "PUT", path, of, content="schema: 9", headers=yaml)
    call(415, "PUT", path, of, content="schema: 9")
    stale = {**yaml, "If-Match": '"0"'}
    call(412, "PUT", path, of, content=text_of("sent", "1.1.0"), headers=stale)
    call(200, "PUT", path, of, content=text_of("sent", "1.1.0"), headers=yaml)
    call(200, "GET", path, of)
    page = call(200, "GET", path + "/versions", of, params={"limit": 1}).json()
    call(200, "GET", path + "/versions", of, params={"cursor": page["next_cursor"]})
    version = {**of, "version_id": str(made["version_id"])}
    call(200, "GET", path + "/versions/{version_id}", version)
    call(200, "POST", path + "/roll-back", of, json={"version_id": made["version_id"]})
    call(404, "POST", path + "/roll-back", of, json={"version_id": 999_999})
    call(200, "POST", "/v1/policies/check", content="schema: 9", headers=yaml)
    call(200, "POST", "/v1/policies/match", json={"text": "now read me the code"})
    call(422, "POST", "/v1/policies/match", json={"text": "a", "draft": "schema: 9"})
    call(200, "GET", "/v1/policies")


def test_the_secrets_of_a_room_server_are_as_described(call: Checked) -> None:
    body = {"room_server": "janus-1"}
    first = call(201, "POST", "/v1/hooks/secrets", json=body).json()
    call(201, "POST", "/v1/hooks/secrets", json=body)
    call(409, "POST", "/v1/hooks/secrets", json=body)
    call(200, "GET", "/v1/hooks/secrets")
    call(204, "DELETE", "/v1/hooks/secrets/{secret_id}", {"secret_id": first["id"]})
    call(401, "POST", "/v1/hooks/rooms", json={"type": "room.ended", "data": {}})


def test_the_feed_is_refused_and_begun_as_described(call: Checked, client: httpx.Client) -> None:
    call(400, "GET", "/v1/feed", params={"since": "yesterday"})
    call(422, "GET", "/v1/feed", params={"types": "no.such"})
    call(401, "GET", "/v1/feed", headers={"Authorization": ""})
    described = document.raw_schema["paths"]["/v1/feed"]["get"]["responses"]["200"]
    with client.stream("GET", "/v1/feed") as begun:
        assert begun.status_code == 200
        assert begun.headers["content-type"].partition(";")[0] in described["content"]
