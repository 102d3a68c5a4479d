"""Keys and publish tokens of every kind, good and bad, for one server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from service.access.keys import Role, digest_of, make_key
from service.clock import utc_now
from service.storage.keys import SqlKeys
from service.storage.schema import open_database
from tests.server import Server


def stored_keys(data: Path) -> dict[str, str]:
    """A key of each role, an expired one and a revoked one, put into the server's database."""
    return asyncio.run(_stored_keys(data))


async def _stored_keys(data: Path) -> dict[str, str]:
    database = await open_database(f"sqlite:///{data / 'earshot.db'}")
    try:
        keys, now = SqlKeys(database), utc_now()
        secrets = {}
        for role in Role:
            key, secrets[role.value] = make_key("test", role, now)
            await keys.add(key, digest_of(secrets[role.value]))
        old, secrets["expired"] = make_key(
            "old", Role.ADMIN, now - timedelta(days=2), lifetime=timedelta(days=1)
        )
        await keys.add(old, digest_of(secrets["expired"]))
        gone, secrets["revoked"] = make_key("gone", Role.ADMIN, now)
        await keys.add(gone, digest_of(secrets["revoked"]))
        await keys.revoke(gone.id, now)
        return secrets
    finally:
        await database.close()


def publish_token(server: Server, room: str, speaker: str, *, life_s: int = 600) -> str:
    body = {"speaker_id": speaker, "expires_in_s": life_s}
    with server.client() as client:
        response = client.post(f"/v1/rooms/{room}/publish-tokens", json=body)
        assert response.status_code == 201, response.text
        return str(response.json()["token"])


def open_room(server: Server, room: str) -> None:
    with server.client() as client:
        response = client.post("/v1/rooms", json={"id": room, "connector": {"kind": "whip"}})
        assert response.status_code in (200, 201), response.text


def close_room(server: Server, room: str) -> None:
    with server.client() as client:
        assert client.delete(f"/v1/rooms/{room}").status_code == 204


def authorizations(server: Server, keys: Mapping[str, str]) -> dict[str, str]:
    """Values of the Authorization header by name; opens `lobby` and `hall`, and ends `gone`."""
    for room in ("lobby", "hall", "gone"):
        open_room(server, room)
    tokens = {
        "token": publish_token(server, "lobby", "ann"),
        "other_room": publish_token(server, "hall", "ann"),
        "gone": publish_token(server, "gone", "ann"),
        "expired_token": publish_token(server, "lobby", "ann", life_s=1),
    }
    close_room(server, "gone")
    time.sleep(1.1)  # until the last token has expired
    secrets = {**keys, "admin": server.key, **tokens}
    return {name: f"Bearer {secret}" for name, secret in secrets.items()} | {
        "empty": "",
        "bearer": "Bearer",
        "basic": "Basic YWRtaW46YWRtaW4=",
        "garbage": "Bearer ek_'; DROP TABLE access_keys; --",
        "long": "Bearer " + "k" * 20_000,
        "latin": "Bearer \xe9\xff",
        "two_words": f"Bearer {server.key} {server.key}",
        "comma": f"Bearer x, Bearer {server.key}",
    }
