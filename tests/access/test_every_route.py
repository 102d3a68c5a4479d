"""Access to every route by every role, tested with calls of a real server.

`TABLE` has the rule of each route. A route without a row fails, and so does a row without a route.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.routing import iter_route_contexts

from service.access.keys import Role
from service.app import create_app
from tests.e2e.credentials import stored_keys
from tests.server import Server


class Guard(Enum):
    """Guards of routes that take no key."""

    OPEN = "nothing: anybody may"
    PUBLISH_TOKEN = "a publish token, which no key can stand in for"
    SIGNATURE = "a signature with a hook secret, which no key can stand in for"
    HOOK_SECRET = "Janus's hook secret, which no key can stand in for"


EVERY = frozenset(Role)
MANAGES = frozenset({Role.ROOM_SERVER, Role.ADMIN})
DECIDES = frozenset({Role.MODERATOR, Role.ADMIN})
ADMIN = frozenset({Role.ADMIN})

TABLE: Mapping[str, Collection[Role] | Guard] = {
    "GET /": Guard.OPEN,
    "HEAD /": Guard.OPEN,
    "GET /console/{name:path}": Guard.OPEN,
    "HEAD /console/{name:path}": Guard.OPEN,
    "GET /rules": Guard.OPEN,
    "HEAD /rules": Guard.OPEN,
    "GET /healthz": Guard.OPEN,
    "GET /readyz": Guard.OPEN,
    "GET /metrics": EVERY,
    "GET /openapi.json": EVERY,
    "GET /v1/status": EVERY,
    "GET /v1/policies": EVERY,
    "PUT /v1/policies/{pack}": ADMIN,
    "GET /v1/policies/{pack}": ADMIN,
    "GET /v1/policies/{pack}/versions": ADMIN,
    "GET /v1/policies/{pack}/versions/{version_id}": ADMIN,
    "POST /v1/policies/{pack}/roll-back": ADMIN,
    "POST /v1/policies/check": DECIDES,
    "POST /v1/policies/match": DECIDES,
    "GET /v1/policies/report": DECIDES,
    "POST /v1/policies/backtest": ADMIN,
    "POST /v1/session": Guard.OPEN,
    "GET /v1/session": EVERY,
    "DELETE /v1/session": Guard.OPEN,
    "GET /v1/keys": ADMIN,
    "POST /v1/keys": ADMIN,
    "DELETE /v1/keys/{key_id}": ADMIN,
    "GET /v1/audit": ADMIN,
    "POST /v1/rooms": MANAGES,
    "GET /v1/rooms": EVERY,
    "GET /v1/rooms/{room_id}": EVERY,
    "PATCH /v1/rooms/{room_id}": MANAGES,
    "DELETE /v1/rooms/{room_id}": MANAGES,
    "GET /v1/rooms/{room_id}/talk": EVERY,
    "POST /v1/rooms/{room_id}/publish-tokens": MANAGES,
    "OPTIONS /whip/{room_id}": Guard.OPEN,
    "POST /whip/{room_id}": Guard.PUBLISH_TOKEN,
    "PATCH /whip/{room_id}/{session_id}": Guard.PUBLISH_TOKEN,
    "DELETE /whip/{room_id}/{session_id}": Guard.PUBLISH_TOKEN,
    "GET /v1/feed": EVERY,
    "GET /v1/actions/{action_id}": EVERY,
    "POST /v1/actions/{action_id}/result": MANAGES,
    "POST /v1/alerts/{alert_id}/escalate": DECIDES,
    "GET /v1/alerts": EVERY,
    "GET /v1/alerts/{alert_id}": EVERY,
    "POST /v1/alerts/{alert_id}/acknowledge": DECIDES,
    "POST /v1/alerts/{alert_id}/actions": DECIDES,
    "POST /v1/alerts/{alert_id}/assign": DECIDES,
    "POST /v1/alerts/{alert_id}/notes": DECIDES,
    "POST /v1/alerts/{alert_id}/reopen": DECIDES,
    "POST /v1/alerts/{alert_id}/resolve": DECIDES,
    "GET /v1/webhooks": MANAGES,
    "POST /v1/webhooks": MANAGES,
    "GET /v1/webhooks/{webhook_id}": MANAGES,
    "PATCH /v1/webhooks/{webhook_id}": MANAGES,
    "DELETE /v1/webhooks/{webhook_id}": MANAGES,
    "POST /v1/webhooks/{webhook_id}/rotate": MANAGES,
    "POST /v1/webhooks/{webhook_id}/ping": MANAGES,
    "GET /v1/webhooks/{webhook_id}/deliveries": MANAGES,
    "POST /v1/webhooks/{webhook_id}/redeliver": MANAGES,
    "POST /v1/hooks/rooms": Guard.SIGNATURE,
    "POST /v1/hooks/janus": Guard.HOOK_SECRET,
    "GET /v1/hooks/secrets": ADMIN,
    "POST /v1/hooks/secrets": ADMIN,
    "DELETE /v1/hooks/secrets/{secret_id}": ADMIN,
}

KEYLESS = ("none", "expired", "revoked")
IDS = {
    "webhook_id": "wh_" + "0" * 16,
    "secret_id": "hs_" + "0" * 16,
    "key_id": "key_" + "0" * 12,
    "name:path": "index.html",
    "version_id": "1",
}
"""Valid ids of nothing. Parameters without an entry get `nowhere`."""


def routes() -> Iterator[str]:
    for route in iter_route_contexts(create_app().routes):
        for method in sorted(route.methods or ()):
            yield f"{method} {route.path}"


@pytest.fixture(scope="module")
def described() -> Mapping[str, Any]:
    """Operations in the OpenAPI document."""
    return {
        f"{method.upper()} {path}": operation
        for path, operations in create_app().openapi()["paths"].items()
        for method, operation in operations.items()
    }


@pytest.fixture(scope="module")
def keys(shared_server: Server) -> dict[str, str]:
    return stored_keys(Path(shared_server.data))


@pytest.fixture(scope="module")
def client(shared_server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=shared_server.url, trust_env=False, timeout=30) as client:
        yield client


def called(client: httpx.Client, route: str, secret: str | None) -> int:
    """Return the status of a call with no content but the key, without reading the answer."""
    method, _, path = route.partition(" ")
    path = re.sub(r"{([a-z_:]+)}", lambda found: IDS.get(found[1], "nowhere"), path)
    headers = {} if secret is None else {"Authorization": f"Bearer {secret}"}
    with client.stream(method, path, headers=headers) as answer:
        return answer.status_code


def expected(rule: Collection[Role] | Guard, who: str) -> str:
    match rule:
        case Guard.OPEN:
            return "let in"
        case Guard.PUBLISH_TOKEN | Guard.SIGNATURE | Guard.HOOK_SECRET:
            return "401"
        case _:
            if who in KEYLESS:
                return "401"
            return "let in" if who in rule else "403"


def test_every_route_has_a_rule_and_every_rule_a_route(described: Mapping[str, Any]) -> None:
    assert sorted(routes()) == sorted(TABLE)
    assert set(described) <= set(TABLE)


@pytest.mark.parametrize("route", TABLE)
def test_each_role_is_let_in_where_the_table_says_and_nowhere_else(
    route: str, client: httpx.Client, keys: Mapping[str, str]
) -> None:
    rule = TABLE[route]
    wanted, found = {}, {}
    for who in (*Role, *KEYLESS):
        wanted[who] = expected(rule, who)
        status = called(client, route, keys.get(who))
        assert status < 500 or status == 503, f"{route} by {who}: {status}"
        found[who] = str(status) if status in (401, 403) else "let in"
    assert found == wanted


def test_the_document_shows_the_lock_of_every_route_that_has_one(
    described: Mapping[str, Any],
) -> None:
    locked = {route for route, rule in TABLE.items() if not isinstance(rule, Guard)}
    assert locked - set(described) == {"GET /openapi.json"}, "only the document is not in itself"
    for route, operation in described.items():
        assert ({"HTTPBearer": []} in operation.get("security", [])) is (route in locked), route
        refusing = route in locked or TABLE[route] is Guard.SIGNATURE
        whip = TABLE[route] is Guard.PUBLISH_TOKEN
        same_site = route.endswith(" /v1/session") and not route.startswith("GET")
        assert ("403" in operation["responses"]) is (refusing or whip or same_site), route
