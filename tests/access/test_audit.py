"""Every change has an entry in the audit log, with its author and reason."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from service.access.audit import Action, Entry
from service.access.first_admin import ensure_admin
from service.access.keys import Role
from service.errors import StoreAway
from service.storage.engine import Database
from tests.access.test_every_route import TABLE, Guard
from tests.access.test_key_routes import audit
from tests.api import Api
from tests.rulebook.examples import text_of
from tests.server import Server
from tests.storage.examples import NOW, SetClock

pytestmark = pytest.mark.anyio

MILLISECOND = timedelta(milliseconds=1)
UNCHANGING = {
    "POST /v1/webhooks/{webhook_id}/ping": "it is among the deliveries, and changes nothing",
    "POST /v1/policies/check": "it only says what a change would do",
    "POST /v1/policies/match": "it only tries a sentence out",
    "POST /v1/policies/backtest": "it only says what drafts would do",
    **{
        f"POST /v1/alerts/{{alert_id}}/{step}": "it stands in the alert's own history"
        for step in ("acknowledge", "actions", "assign", "notes", "reopen", "resolve")
    },
    "POST /v1/actions/{action_id}/result": "it stands in the action",
    "POST /v1/alerts/{alert_id}/escalate": "it has an entry, but needs an alert: see tests/alerts",
}
"""Calls other than GET that have no entry in the audit log, and the reason."""

ROOM = {"id": "lounge", "connector": {"kind": "whip"}}


class Ticking(SetClock):
    """Clock that advances a millisecond at every call, so that entries have an order."""

    def __call__(self) -> datetime:
        self.now += MILLISECOND
        return self.now


@pytest.fixture
async def api(database: Database) -> AsyncIterator[Api]:
    async with Api(database, Ticking()).running() as api:
        yield api


async def test_rooms_and_tokens_are_on_record_and_no_secret_is(api: Api) -> None:
    async with (
        api.caller("rooms-1", Role.ROOM_SERVER) as server,
        api.caller("Ada", Role.ADMIN) as ada,
    ):
        for _ in range(2):
            await server.post("/v1/rooms", json=ROOM)
        tokens = "/v1/rooms/lounge/publish-tokens"
        token = (await server.post(tokens, json={"speaker_id": "ann"})).json()["token"]
        await ada.delete("/v1/rooms/lounge", params={"reason": "asked to by its host"})
        assert (await ada.delete("/v1/rooms/lounge")).status_code == 404
        assert await audit(ada) == [
            ("Ada", "room.closed", "lounge", "asked to by its host"),
            ("rooms-1", "publish_token.made", "lounge", "for speaker ann"),
            ("rooms-1", "room.opened", "lounge", ""),
        ], "what changed nothing is not there"
        assert [one[1] for one in await audit(ada, who="Ada")] == ["room.closed"]
        assert len(await audit(ada, subject="lounge")) == 3
        whole = (await ada.get("/v1/audit")).text
        assert token not in whole
        assert '"role":"room_server"' in whole


async def test_signing_in_and_out_is_on_record(api: Api, database: Database) -> None:
    secret = await ensure_admin(api.keys, api.audit, None, NOW)
    (key,) = await api.keys.all()
    async with api.anybody(Origin="http://test") as page:
        assert (await page.post("/v1/session", json={"key": "ek_wrong"})).status_code == 401
        assert (await page.post("/v1/session", json={"key": secret})).status_code == 200
        for _ in range(2):
            assert (await page.delete("/v1/session")).status_code == 204
    async with api.anybody(Authorization=f"Bearer {secret}") as admin:
        assert await audit(admin) == [
            ("first admin", "session.signed_out", key.id, ""),
            ("first admin", "session.signed_in", key.id, ""),
            ("server", "key.made", key.id, "admin for first admin"),
        ]


@dataclass(frozen=True, slots=True)
class Change:
    """Call of a route that changes something; `{name}` in it is filled from earlier answers.

    A body of text is YAML.
    """

    route: str
    action: Action
    body: dict[str, Any] | str | None = None
    gives: str = ""


CHANGES = (
    Change("POST /v1/rooms", Action.ROOM_OPENED, ROOM, "room_id"),
    Change(
        "POST /v1/rooms/{room_id}/publish-tokens", Action.PUBLISH_TOKEN_MADE, {"speaker_id": "a"}
    ),
    Change("PATCH /v1/rooms/{room_id}", Action.ROOM_CHANGED, {"listening": False}),
    Change("DELETE /v1/rooms/{room_id}", Action.ROOM_CLOSED),
    Change("POST /v1/keys", Action.KEY_MADE, {"name": "Mo", "role": "observer"}, "key_id"),
    Change("DELETE /v1/keys/{key_id}", Action.KEY_REVOKED),
    Change(
        "POST /v1/webhooks", Action.WEBHOOK_ADDED, {"url": "https://rooms.invalid/"}, "webhook_id"
    ),
    Change(
        "POST /v1/webhooks/{webhook_id}/redeliver",
        Action.WEBHOOK_REDELIVERED,
        {"from": "2026-01-01T00:00:00Z"},
    ),
    Change("PATCH /v1/webhooks/{webhook_id}", Action.WEBHOOK_CHANGED, {"enabled": False}),
    Change("POST /v1/webhooks/{webhook_id}/rotate", Action.WEBHOOK_ROTATED),
    Change("DELETE /v1/webhooks/{webhook_id}", Action.WEBHOOK_DELETED),
    Change("POST /v1/hooks/secrets", Action.HOOK_SECRET_ADDED, {"room_server": "r"}, "secret_id"),
    Change("DELETE /v1/hooks/secrets/{secret_id}", Action.HOOK_SECRET_REMOVED),
    Change("PUT /v1/policies/{pack}", Action.POLICIES_CHANGED, text_of("sent")),
    Change("PUT /v1/policies/{pack}", Action.POLICIES_CHANGED, text_of("sent", "1.1.0")),
    Change("POST /v1/policies/{pack}/roll-back", Action.POLICIES_CHANGED, {"version_id": 2}),
)


def test_every_call_that_changes_something_says_so_or_why_not() -> None:
    keyed = {route for route, rule in TABLE.items() if not isinstance(rule, Guard)}
    changing = {route for route in keyed if not route.startswith("GET ")}
    assert {change.route for change in CHANGES} | set(UNCHANGING) == changing
    others = {Action.SIGNED_IN, Action.SIGNED_OUT, Action.ALERT_ESCALATED}
    assert {change.action for change in CHANGES} | others == set(Action)


def test_every_call_that_changes_something_is_on_record(shared_server: Server) -> None:
    ids = {"pack": "sent"}
    with shared_server.client() as client:
        for change in CHANGES:
            method, _, path = change.route.partition(" ")
            answer = client.request(method, path.format(**ids), **sent(change.body))
            assert answer.is_success, (change.route, answer.text)
            if re.search(r"whsec_|ek_|pt_", answer.text):
                assert answer.headers["Cache-Control"] == "no-store", change.route
            if change.gives:
                ids[change.gives] = answer.json()["id"]
        entries = client.get("/v1/audit").json()["items"]
    assert [entry["action"] for entry in reversed(entries)] == [
        Action.KEY_MADE,  # the first admin key, by the server
        *(change.action for change in CHANGES),
    ]
    assert {entry["who"] for entry in entries} == {"server", "first admin"}
    assert {entry["subject"] for entry in entries} >= set(ids.values())
    assert not re.search(r"whsec_|ek_|pt_", str(entries))


def sent(body: dict[str, Any] | str | None) -> dict[str, Any]:
    if isinstance(body, str):
        return {"content": body, "headers": {"Content-Type": "application/yaml"}}
    return {"json": body}


class Away:
    """Audit store that refuses every write."""

    async def add(self, entry: Entry) -> None:
        raise StoreAway("the database does not answer")

    async def page(
        self, who: str | None, subject: str | None, *, limit: int, cursor: str | None = None
    ) -> tuple[Sequence[Entry], str | None]:
        return (), None


async def test_what_cannot_be_put_on_record_is_in_the_log(api: Api) -> None:
    api.parts.audit = Away()
    async with api.caller("Ada", Role.ADMIN) as ada:
        with capture_logs() as logged:
            answer = await ada.post("/v1/rooms", json=ROOM)
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        assert (await ada.get("/v1/rooms/lounge")).status_code == 200
    (line,) = [line for line in logged if line["event"] == "audit.not_recorded"]
    assert (line["action"], line["subject"]) == ("room.opened", "lounge")
    assert line["by"].startswith("key_")
