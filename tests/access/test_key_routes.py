from __future__ import annotations

from datetime import timedelta

import pytest
from httpx import AsyncClient

from service.access.keys import Role
from service.storage.engine import Database
from tests.api import Api
from tests.storage.examples import NOW, SECOND, SetClock

pytestmark = pytest.mark.anyio


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def api(database: Database, clock: SetClock) -> Api:
    return Api(database, clock)


async def audit(client: AsyncClient, **query: str) -> list[tuple[str, str, str, str]]:
    items = (await client.get("/v1/audit", params=query)).json()["items"]
    return [(item["who"], item["action"], item["subject"], item["reason"]) for item in items]


async def test_a_key_is_made_used_listed_and_revoked(api: Api, clock: SetClock) -> None:
    async with api.caller("Ada", Role.ADMIN) as ada:
        asked = {"name": " Mo ", "role": "moderator", "expires_in_days": 1}
        answer = await ada.post("/v1/keys", json=asked)
        assert answer.status_code == 201
        assert answer.headers["cache-control"] == "no-store"
        made = answer.json()
        secret = made.pop("secret")
        assert made["name"] == "Mo"
        assert made["expires_at"] == "2026-05-18T12:00:00.123Z"
        async with api.anybody(Authorization=f"Bearer {secret}") as mo:
            assert (await mo.get("/v1/rooms")).status_code == 200
            listing = await ada.get("/v1/keys")
            assert secret not in listing.text
            assert "digest" not in listing.text
            (listed,) = [one for one in listing.json()["items"] if one["name"] == "Mo"]
            assert listed == {**made, "last_used_at": "2026-05-17T12:00:00.123Z"}
            gone = await ada.delete(f"/v1/keys/{made['id']}", params={"reason": "left us"})
            assert gone.status_code == 204
            assert (await mo.get("/v1/rooms")).status_code == 401
        clock.now += SECOND
        assert (await ada.delete(f"/v1/keys/{made['id']}")).status_code == 204
        assert sorted(await audit(ada)) == [
            ("Ada", "key.made", made["id"], "moderator for Mo"),
            ("Ada", "key.revoked", made["id"], "left us"),
        ], "revoking twice is one change"


async def test_a_key_that_expires_is_refused_from_then_on(api: Api, clock: SetClock) -> None:
    async with api.caller("Ada", Role.ADMIN) as ada:
        asked = {"name": "Mo", "role": "observer", "expires_in_days": 1}
        secret = (await ada.post("/v1/keys", json=asked)).json()["secret"]
    async with api.anybody(Authorization=f"Bearer {secret}") as mo:
        clock.now = NOW + timedelta(days=1) - SECOND
        assert (await mo.get("/v1/rooms")).status_code == 200
        clock.now += SECOND
        assert (await mo.get("/v1/rooms")).status_code == 401


async def test_no_admin_locks_themselves_out(api: Api) -> None:
    async with api.caller("Ada", Role.ADMIN) as ada:
        (own,) = (await ada.get("/v1/keys")).json()["items"]
        refused = await ada.delete(f"/v1/keys/{own['id']}")
        assert refused.status_code == 409
        assert "with another admin's key" in refused.json()["detail"]
        assert (await ada.get("/v1/keys")).status_code == 200


async def test_what_is_no_key_is_refused(api: Api) -> None:
    async with api.caller("Ada", Role.ADMIN) as ada:
        for body in (
            {"name": "", "role": "admin"},
            {"name": " \t", "role": "admin"},
            {"name": "a\nb", "role": "admin"},
            {"name": "Mo", "role": "owner"},
            {"name": "Mo", "role": "admin", "expires_in_days": 0},
            {"name": "Mo", "role": "admin", "secret": "mine"},
        ):
            assert (await ada.post("/v1/keys", json=body)).status_code == 422, body
        unknown = await ada.delete("/v1/keys/key_0123456789ab")
        assert unknown.status_code == 404
        assert (await ada.delete("/v1/keys/key_1")).status_code == 422
        assert await audit(ada) == []
