"""Every change of state is on record with who and why."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from service.access.first_admin import ensure_admin
from service.access.keys import Role
from service.storage.engine import Database
from service.storage.sessions import SqlSessions
from tests.access.test_key_routes import audit
from tests.api import Api
from tests.storage.examples import NOW, SetClock

pytestmark = pytest.mark.anyio

MILLISECOND = timedelta(milliseconds=1)
ROOM = {"id": "lounge", "connector": {"kind": "whip"}}


class Ticking(SetClock):
    """A millisecond passes at every look, so that the order of entries is that of the acts."""

    def __call__(self) -> datetime:
        self.now += MILLISECOND
        return self.now


@pytest.fixture
def api(database: Database) -> Api:
    return Api(database, Ticking())


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
    api.app.state.sessions = SqlSessions(database)
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
