"""Events of a room server about live speakers."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from service.access.sealing import Seal
from service.metrics import Metrics
from service.rooms.opening_policy import Wanted
from service.rooms.room import Speaker
from service.storage.engine import Database
from service.storage.event_log import SqlEventLog
from service.storage.hooks import SqlHooks
from service.webhooks.inbound import HookOutcome, Hooks, HookSecret, SealedHookSecret
from service.webhooks.signing import headers_for, make_secret
from tests.api import Api
from tests.storage.examples import NOW, SetClock

pytestmark = pytest.mark.anyio


class RoomServer:
    def __init__(self, database: Database, api: Api) -> None:
        self.store, self.seal = SqlHooks(database), Seal(secrets.token_bytes(32))
        self.secret, self.count = make_secret(), 0
        self.hooks = Hooks(
            self.store,
            self.seal,
            api.supervisor,
            api.ears,
            policies=api.live,
            wanted=Wanted(["*"]),
            audit=api.audit,
            metrics=Metrics(),
            clock=api.clock,
        )

    async def tell(self, type_: str, data: Mapping[str, Any]) -> HookOutcome:
        body = json.dumps({"type": type_, "data": data}).encode()
        self.count += 1
        return await self.hooks.receive(
            headers_for([self.secret], f"msg_{self.count}", NOW, body), body
        )


@pytest.fixture
async def api(database: Database) -> AsyncIterator[Api]:
    async with Api(database, SetClock()).running() as api:
        yield api


@pytest.fixture
async def rooms(database: Database, api: Api) -> RoomServer:
    rooms = RoomServer(database, api)
    shown = HookSecret("hs_1", "rooms", "ann", NOW)
    sealed = rooms.seal.close(rooms.secret, shown.id)
    await rooms.store.add_secret(SealedHookSecret(shown, sealed))
    return rooms


def about(id_: str = "ann", **more: str) -> dict[str, Any]:
    return {"room": {"id": "lobby"}, "speaker": {"id": id_, **more}}


async def test_a_speaker_who_is_heard_gets_another_name_and_role(
    database: Database, api: Api, rooms: RoomServer
) -> None:
    room = {"id": "lobby", "connector": {"kind": "whip"}}
    assert await rooms.tell("room.started", {"room": room}) is HookOutcome.DONE
    assert await rooms.tell("speaker.role_changed", about(role="host")) is HookOutcome.IGNORED
    await api.ears.speaker_joined(Speaker("lobby", "ann", "Ann", "listener"))
    sent = about(name="Anna", role="host")
    assert await rooms.tell("speaker.role_changed", sent) is HookOutcome.DONE
    assert await rooms.tell("speaker.joined", sent) is HookOutcome.DONE
    anna = Speaker("lobby", "ann", "Anna", "host")
    assert api.ears.speakers("lobby") == [anna]
    assert await api.rooms.speakers("lobby") == [anna]
    types = [event.type for event in await SqlEventLog(database).read(0, 10)]
    assert types == ["room.joined", "speaker.joined", "speaker.joined"]


async def test_a_speaker_who_is_not_heard_is_ignored(rooms: RoomServer) -> None:
    assert await rooms.tell("speaker.left", about()) is HookOutcome.IGNORED
    assert await rooms.tell("speaker.joined", about()) is HookOutcome.IGNORED
    assert await rooms.tell("room.ended", {"room": {"id": "lobby"}}) is HookOutcome.IGNORED


async def test_a_secret_that_cannot_be_opened_is_as_if_it_were_not_there(
    api: Api, rooms: RoomServer
) -> None:
    shown = HookSecret("hs_0", "others", "ann", NOW)
    other = Seal(secrets.token_bytes(32)).close(make_secret(), shown.id)
    await rooms.store.add_secret(SealedHookSecret(shown, other))
    assert await rooms.tell("hand.raised", {}) is HookOutcome.IGNORED


async def test_what_a_room_server_opens_and_ends_is_on_record_under_its_name(
    rooms: RoomServer, api: Api
) -> None:
    lounge = {"room": {"id": "lounge", "connector": {"kind": "whip"}}}
    for _ in range(2):
        await rooms.tell("room.started", lounge)
    for _ in range(2):
        await rooms.tell("room.ended", lounge)
    entries, _ = await api.audit.page(None, "lounge", limit=10)
    assert sorted((one.who, one.role, one.action) for one in entries) == [
        ("rooms", "room_server", "room.closed"),
        ("rooms", "room_server", "room.opened"),
    ]


async def test_a_mute_at_the_room_server_is_shown_and_outlasts_a_new_role(
    database: Database, api: Api, rooms: RoomServer
) -> None:
    room = {"id": "lobby", "connector": {"kind": "whip"}}
    await rooms.tell("room.started", {"room": room})
    await asyncio.sleep(0)  # its session begins
    await api.ears.speaker_joined(Speaker("lobby", "ann", "Ann"))
    assert await rooms.tell("speaker.muted", about()) is HookOutcome.DONE
    assert await api.actions.muted("lobby") == {"ann"}
    await api.ears.speaker_changed(Speaker("lobby", "ann", "Ann", muted=True))
    await rooms.tell("speaker.role_changed", about(role="host"))
    assert api.ears.speakers("lobby") == [Speaker("lobby", "ann", "ann", "host", muted=True)]
    assert await rooms.tell("speaker.unmuted", about()) is HookOutcome.DONE
    assert await api.actions.muted("lobby") == set()
    await rooms.tell("speaker.muted", about())
    assert await rooms.tell("speaker.left", about()) is HookOutcome.DONE
    assert await api.actions.muted("lobby") == set()
