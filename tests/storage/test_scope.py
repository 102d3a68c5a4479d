from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from service.access.keys import Role, digest_of, make_key
from service.access.scope import in_scope
from service.alerts.alert import AlertRaised
from service.alerts.ports import AlertFilter
from service.storage.alerts import SqlAlerts
from service.storage.engine import Database
from service.storage.keys import SqlKeys
from service.storage.rooms import SqlRooms
from tests.storage.examples import NOW, a_room, a_transcript, an_alert

pytestmark = pytest.mark.anyio

ROOMS = ["club-1", "club-12", "Club-1", "club_1", "clubx1", "a%b", "a.b", "bar"]
SCOPES: Sequence[Sequence[str]] = (
    ["club-*"],
    ["club-?"],
    ["club_?"],
    ["club?1"],
    ["*1"],
    ["*"],
    ["a*b"],
    ["bar", "club-1"],
    ["none"],
    [],
)


@pytest.mark.parametrize("scope", SCOPES)
async def test_a_list_has_the_rooms_that_are_in_scope(
    database: Database, scope: Sequence[str]
) -> None:
    rooms, alerts = SqlRooms(database), SqlAlerts(database)
    for room_id in ROOMS:
        await rooms.add(replace(a_room(), id=room_id))
        heard = replace(a_transcript(), utterance_id=f"u {room_id}", room_id=room_id)
        alert = replace(an_alert(), id=f"a {room_id}", utterance_id=f"u {room_id}", room_id=room_id)
        await alerts.commit(heard, [AlertRaised(alert)])
    key, _ = make_key("Club", Role.ROOM_SERVER, NOW, rooms=scope)
    wanted = {room_id for room_id in ROOMS if in_scope(key, room_id)}
    listed, _ = await rooms.page(limit=100, scope=scope)
    assert {room.id for room in listed} == wanted
    raised, _ = await alerts.page(AlertFilter(scope=scope), limit=100)
    assert {alert.room_id for alert in raised} == wanted


async def test_a_key_keeps_its_scope(database: Database) -> None:
    keys = SqlKeys(database)
    key, secret = make_key("Club", Role.ROOM_SERVER, NOW, rooms=["club-*", "bar", "club-*"])
    assert key.rooms == ("club-*", "bar")
    assert await keys.add_distinct(key, digest_of(secret)) is None
    assert await keys.find(digest_of(secret)) == key


async def test_a_name_is_free_again_when_its_key_has_ended(database: Database) -> None:
    keys = SqlKeys(database)
    first, secret = make_key("Mora", Role.OBSERVER, NOW)
    twin, its_secret = make_key("MORA", Role.OBSERVER, NOW)
    assert await keys.add_distinct(first, digest_of(secret)) is None
    assert await keys.add_distinct(twin, digest_of(its_secret)) == first
    assert await keys.find(digest_of(its_secret)) is None
    await keys.revoke(first.id, NOW)
    assert await keys.add_distinct(twin, digest_of(its_secret)) is None
