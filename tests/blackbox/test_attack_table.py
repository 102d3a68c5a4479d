"""Every route of the OpenAPI document, called by everybody who might attack it.

`SCOPES` says what each route is about, and so what a key that is scoped to other rooms gets. The
roles of each route stand in `tests.access.test_every_route.TABLE`. A route without a row in either
fails.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

import httpx
import pytest

from tests.access.test_every_route import TABLE, Guard
from tests.blackbox.scoped_server import OURS, THEIRS, Tenants, action_in, alert_in
from tests.e2e.credentials import stored_keys


class Scope(Enum):
    """Subject of a route, and the answer about rooms outside the scope of the key."""

    NOTHING = "no room: the scope changes nothing"
    ROOM = "the room in the path: 404, as for an unknown room"
    ALERT = "the alert in the path: 404, as for an unknown alert"
    ACTION = "the action in the path: 404, as for an unknown action"
    WEBHOOK = "the webhook in the path: 404, as for an unknown webhook"
    NEW = "rooms in the body: 403, which names the key's rooms"
    LIST = "a list or a stream: what is outside is left out"
    ALL = "all rooms: 403 for every scoped key"
    UNSCOPED = "only admins may, and their keys are never scoped"


SCOPES: Mapping[str, Scope] = {
    "GET /rules": Scope.NOTHING,
    "GET /healthz": Scope.NOTHING,
    "GET /readyz": Scope.NOTHING,
    "GET /metrics": Scope.ALL,
    "GET /v1/status": Scope.NOTHING,
    "GET /v1/policies": Scope.NOTHING,
    "PUT /v1/policies/{pack}": Scope.UNSCOPED,
    "GET /v1/policies/{pack}": Scope.UNSCOPED,
    "GET /v1/policies/{pack}/versions": Scope.UNSCOPED,
    "GET /v1/policies/{pack}/versions/{version_id}": Scope.UNSCOPED,
    "POST /v1/policies/{pack}/roll-back": Scope.UNSCOPED,
    "POST /v1/policies/check": Scope.NOTHING,
    "POST /v1/policies/match": Scope.NOTHING,
    "GET /v1/policies/report": Scope.ALL,
    "POST /v1/policies/backtest": Scope.UNSCOPED,
    "POST /v1/session": Scope.NOTHING,
    "GET /v1/session": Scope.NOTHING,
    "DELETE /v1/session": Scope.NOTHING,
    "GET /v1/keys": Scope.UNSCOPED,
    "POST /v1/keys": Scope.UNSCOPED,
    "DELETE /v1/keys/{key_id}": Scope.UNSCOPED,
    "GET /v1/audit": Scope.UNSCOPED,
    "POST /v1/rooms": Scope.NEW,
    "GET /v1/rooms": Scope.LIST,
    "GET /v1/rooms/{room_id}": Scope.ROOM,
    "PATCH /v1/rooms/{room_id}": Scope.ROOM,
    "DELETE /v1/rooms/{room_id}": Scope.ROOM,
    "GET /v1/rooms/{room_id}/talk": Scope.ROOM,
    "POST /v1/rooms/{room_id}/publish-tokens": Scope.ROOM,
    "OPTIONS /whip/{room_id}": Scope.NOTHING,
    "POST /whip/{room_id}": Scope.NOTHING,
    "PATCH /whip/{room_id}/{session_id}": Scope.NOTHING,
    "DELETE /whip/{room_id}/{session_id}": Scope.NOTHING,
    "GET /v1/feed": Scope.LIST,
    "GET /v1/alerts": Scope.LIST,
    "GET /v1/alerts/{alert_id}": Scope.ALERT,
    "POST /v1/alerts/{alert_id}/acknowledge": Scope.ALERT,
    "POST /v1/alerts/{alert_id}/actions": Scope.ALERT,
    "POST /v1/alerts/{alert_id}/assign": Scope.ALERT,
    "POST /v1/alerts/{alert_id}/escalate": Scope.ALERT,
    "POST /v1/alerts/{alert_id}/notes": Scope.ALERT,
    "POST /v1/alerts/{alert_id}/reopen": Scope.ALERT,
    "POST /v1/alerts/{alert_id}/resolve": Scope.ALERT,
    "GET /v1/actions/{action_id}": Scope.ACTION,
    "POST /v1/actions/{action_id}/result": Scope.ACTION,
    "GET /v1/webhooks": Scope.LIST,
    "POST /v1/webhooks": Scope.NEW,
    "GET /v1/webhooks/{webhook_id}": Scope.WEBHOOK,
    "PATCH /v1/webhooks/{webhook_id}": Scope.WEBHOOK,
    "DELETE /v1/webhooks/{webhook_id}": Scope.WEBHOOK,
    "POST /v1/webhooks/{webhook_id}/rotate": Scope.WEBHOOK,
    "POST /v1/webhooks/{webhook_id}/ping": Scope.WEBHOOK,
    "GET /v1/webhooks/{webhook_id}/deliveries": Scope.WEBHOOK,
    "POST /v1/webhooks/{webhook_id}/redeliver": Scope.WEBHOOK,
    "POST /v1/hooks/rooms": Scope.NOTHING,
    "POST /v1/hooks/janus": Scope.NOTHING,
    "GET /v1/hooks/secrets": Scope.UNSCOPED,
    "POST /v1/hooks/secrets": Scope.UNSCOPED,
    "DELETE /v1/hooks/secrets/{secret_id}": Scope.UNSCOPED,
}

ROLES = ("room_server", "observer", "moderator", "admin")
KEYLESS = ("none", "revoked", "expired")
IDS = {
    "secret_id": "hs_" + "0" * 16,
    "key_id": "key_" + "0" * 12,
    "version_id": "1",
}
UNKNOWN = {
    "room_id": "bar-none",
    "alert_id": "alert-none",
    "action_id": "action-none",
    "webhook_id": "wh_" + "0" * 16,
}
"""Valid ids of nothing. A scoped key may not tell what is outside its scope from these."""
BODIES: Mapping[str, Any] = {
    "POST /v1/rooms": {"connector": {"kind": "whip"}},
    "POST /v1/webhooks": {"url": "https://tenant.invalid/"},
}


class Attacker:
    """Caller of routes who cares only for the status and the problem."""

    def __init__(self, tenants: Tenants) -> None:
        self.tenants = tenants
        self.keys = dict(tenants.keys)
        for role in ROLES:
            self.keys[f"all {role}"] = tenants.make_key(f"Everywhere {role}", role)
        stored = stored_keys(tenants.server.data)
        self.keys |= {who: stored[who] for who in ("revoked", "expired")}
        self.keys["wrong"] = "ek_" + "x" * 43
        # The address guesses keys, and must then wait: other tests call from another address.
        transport = httpx.HTTPTransport(local_address="127.0.0.3")
        self._http = httpx.Client(base_url=tenants.server.url, transport=transport, timeout=30)
        self._deleted = 0
        shown = self._http.post("/v1/session", json={"key": self.keys["all admin"]})
        self.cookie = shown.headers["set-cookie"].partition(";")[0]
        self._http.cookies.clear()

    def call(
        self, route: str, ids: Mapping[str, str], headers: Mapping[str, str], room: str
    ) -> tuple[int, str]:
        """Return the status and, of a refusal, the body. Sends the body of `BODIES` or `{}`."""
        method, _, path = route.partition(" ")
        path = re.sub(r"{([a-z_]+)}", lambda found: ids.get(found[1], "nowhere"), path)
        body = dict(BODIES.get(route, {}))
        if route == "POST /v1/rooms":
            body["id"] = room
        elif route == "POST /v1/webhooks":
            body["room"] = room
        sent: dict[str, Any] = {"json": body} if method in ("POST", "PATCH", "PUT") else {}
        with self._http.stream(method, path, headers=dict(headers), **sent) as answer:
            refused = answer.status_code >= 400
            text = answer.read().decode() if refused else ""
            return answer.status_code, text

    def called_with_key(self, route: str, who: str, room: str) -> tuple[int, str]:
        secret = self.keys.get(who)
        headers = {} if secret is None else {"Authorization": f"Bearer {secret}"}
        return self.call(route, self.ids(route, room), headers, room)

    def ids(self, route: str, room: str) -> dict[str, str]:
        """Return the ids of a tenant's things. What a call deletes is made for this call."""
        ids = {
            **IDS,
            "room_id": room,
            "alert_id": alert_in(room),
            "action_id": action_in(room),
            "webhook_id": self.tenants.webhooks[room],
        }
        tenant = room.partition("-")[0]
        if route == "DELETE /v1/rooms/{room_id}":
            self._deleted += 1
            ids["room_id"] = f"{tenant}-deleted-{self._deleted}"
            self.tenants.open_room(ids["room_id"])
        if route == "DELETE /v1/webhooks/{webhook_id}":
            ids["webhook_id"] = self.tenants.make_webhook(room)
        return ids

    def close(self) -> None:
        self._http.close()


@pytest.fixture(scope="module")
def attacker(tenants: Tenants) -> Iterator[Attacker]:
    attacker = Attacker(tenants)
    yield attacker
    attacker.close()


def admits(status: int) -> bool:
    """Return whether the caller was let in: no refusal of the key, its role or its scope."""
    return status not in (401, 403, 404, 429)


def test_the_table_knows_every_route_of_the_document_and_no_other(tenants: Tenants) -> None:
    paths = tenants.admin.get("/openapi.json").json()["paths"]
    described = {f"{method.upper()} {path}" for path, of in paths.items() for method in of}
    assert described == set(SCOPES)
    assert described <= set(TABLE)


@pytest.mark.parametrize("route", SCOPES)
def test_nobody_gets_in_without_a_valid_key(route: str, attacker: Attacker) -> None:
    for who in KEYLESS:
        status, _ = attacker.called_with_key(route, who, OURS)
        match TABLE[route]:
            case Guard.OPEN:
                assert status not in (401, 403, 429), who
            case Guard.PUBLISH_TOKEN:
                assert status in (401, 429), "a key is an unknown token: an address may not guess"
            case _:
                assert status == 401, who


@pytest.mark.parametrize("route", [route for route in SCOPES if SCOPES[route] is not Scope.LIST])
def test_each_role_gets_what_the_table_says_inside_and_outside_its_scope(
    route: str, attacker: Attacker
) -> None:
    allowed, scope = TABLE[route], SCOPES[route]
    if isinstance(allowed, Guard):
        return  # no key opens these
    for role in ("room_server", "observer", "moderator"):
        inside = attacker.called_with_key(route, role, OURS)
        outside = attacker.called_with_key(route, role, THEIRS)
        if role not in allowed:
            assert (inside[0], outside[0]) == (403, 403), role
            continue
        match scope:
            case Scope.ALL:
                assert (inside[0], outside[0]) == (403, 403), role
            case Scope.NOTHING:
                assert admits(inside[0]), (role, inside)
            case Scope.NEW:
                assert admits(inside[0]), (role, inside)
                assert outside[0] == 403, (role, outside)
                assert "this key is for club-* only" in outside[1]
            case Scope.UNSCOPED:
                pytest.fail(f"{role} may call {route}: say what a scope does there")
            case _:
                assert admits(inside[0]), (role, inside)
                assert _without_ids(outside) == _without_ids(_unknown(attacker, route, role))
                assert outside[0] == 404, (role, outside)


@pytest.mark.parametrize("route", SCOPES)
def test_a_key_without_a_scope_is_for_the_rooms_of_all(route: str, attacker: Attacker) -> None:
    allowed = TABLE[route]
    if isinstance(allowed, Guard):
        return
    for role in ROLES:
        status, text = attacker.called_with_key(route, f"all {role}", THEIRS)
        if role not in allowed:
            assert status == 403, role
        else:
            assert status not in (401, 403), (role, text)
            assert SCOPES[route] is Scope.UNSCOPED or status != 404, (role, text)


@pytest.mark.parametrize("route", SCOPES)
def test_a_page_of_another_site_changes_nothing_with_a_persons_cookie(
    route: str, attacker: Attacker
) -> None:
    if isinstance(TABLE[route], Guard) or route.startswith("GET "):
        return  # no cookie opens these, or they change nothing and no page can read the answer
    for origin in ("https://evil.example", "null", "http://127.0.0.1:1"):
        headers = {"Cookie": attacker.cookie, "Origin": origin}
        status, text = attacker.call(route, attacker.ids(route, OURS), headers, OURS)
        assert status == 403, origin
        assert json.loads(text)["type"] == "urn:earshot:problem:cross-site-request"


@pytest.mark.parametrize("route", SCOPES)
def test_wrong_keys_get_in_nowhere_and_then_must_wait(route: str, attacker: Attacker) -> None:
    """The last test of the module: from then on, the address may try no other key for a while."""
    status, _ = attacker.called_with_key(route, "wrong", OURS)
    if TABLE[route] is Guard.OPEN:
        assert status not in (401, 403, 429)
    else:
        assert status in (401, 429)


def _unknown(attacker: Attacker, route: str, role: str) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {attacker.keys[role]}"}
    return attacker.call(route, {**IDS, **UNKNOWN}, headers, OURS)


def _without_ids(answer: tuple[int, str]) -> tuple[int, str]:
    """Return an answer without the ids that the caller sent, and without the request's own id."""
    sent = r"(club|bar|alert|action|wh)[-_][A-Za-z0-9-]+"
    return answer[0], re.sub(sent, "ID", answer[1])
