"""A server with two tenants: rooms `club-*` and `bar-*`, each with webhook, alert and action."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from service.alerts.alert import AlertRaised
from service.clock import utc_now
from service.storage.actions import SqlActions
from service.storage.alerts import SqlAlerts
from service.storage.schema import open_database
from tests.server import Server
from tests.storage.examples import a_transcript, an_action, an_alert

OURS, THEIRS = "club-1", "bar-1"
SCOPE = ["club-*"]
WHIP = {"kind": "whip"}


@dataclass
class Tenants:
    """Ids of the two tenants' rooms, alerts and webhooks, and secrets of keys for `club-*`."""

    server: Server
    admin: httpx.Client
    webhooks: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)

    def make_key(self, name: str, role: str, **more: Any) -> str:
        made = self.admin.post("/v1/keys", json={"name": name, "role": role, **more})
        assert made.status_code == 201, made.text
        return str(made.json()["secret"])

    def open_room(self, room_id: str) -> None:
        opened = self.admin.post("/v1/rooms", json={"id": room_id, "connector": WHIP})
        assert opened.status_code == 201, opened.text

    def make_webhook(self, room: str) -> str:
        made = self.admin.post(
            "/v1/webhooks", json={"url": f"https://{room}.invalid/", "room": room}
        )
        assert made.status_code == 201, made.text
        return str(made.json()["id"])


def call_from(tenants: Tenants, address: str, secret: str | None = None) -> httpx.Client:
    """Make a client at one of this machine's loopback addresses, such as 127.0.0.4."""
    headers = {} if secret is None else {"Authorization": f"Bearer {secret}"}
    transport = httpx.HTTPTransport(local_address=address)
    return httpx.Client(
        base_url=tenants.server.url, headers=headers, transport=transport, timeout=30
    )


def alert_in(room_id: str) -> str:
    """Return the id of the room's alert."""
    return f"alert-{room_id}"


def action_in(room_id: str) -> str:
    """Return the id of an action in the room."""
    return f"action-{room_id}"


def make_tenants(server: Server, admin: httpx.Client) -> Tenants:
    """Make the rooms and webhooks."""
    tenants = Tenants(server, admin)
    for room_id in (OURS, THEIRS):
        tenants.open_room(room_id)
        tenants.webhooks[room_id] = tenants.make_webhook(room_id)
    return tenants


def add_scoped_keys(tenants: Tenants) -> None:
    """Make the keys for `club-*`, the alerts and the actions."""
    for role in ("room_server", "observer", "moderator"):
        tenants.keys[role] = tenants.make_key(f"Club {role}", role, rooms=SCOPE)
    asyncio.run(_put_alerts(tenants.server))


async def _put_alerts(server: Server) -> None:
    database = await open_database(f"sqlite:///{server.data / 'earshot.db'}")
    try:
        now = utc_now()
        for room_id in (OURS, THEIRS):
            utterance_id = f"utterance-{room_id}"
            heard = replace(
                a_transcript(),
                utterance_id=utterance_id,
                room_id=room_id,
                started_at=now,
                ended_at=now,
            )
            alert = replace(
                an_alert(at=now),
                id=alert_in(room_id),
                utterance_id=utterance_id,
                room_id=room_id,
                raised_at=now,
            )
            await SqlAlerts(database).commit(heard, [AlertRaised(alert)])
            action = an_action(action_in(room_id), alert_id=alert.id)
            await SqlActions(database).request(replace(action, room_id=room_id))
    finally:
        await database.close()
