from __future__ import annotations

import pytest

from service.access.sealing import CannotOpen, Seal
from service.rooms.room_secrets import RoomSecrets
from tests.rooms.fakes import Rooms, a_room

pytestmark = pytest.mark.anyio

PIN = {"pin": "1234"}


async def test_secrets_are_sealed_on_record_and_loaded_again() -> None:
    store = Rooms()
    secrets = RoomSecrets(store, Seal(bytes(32)))
    sealed = secrets.seal("lobby", PIN)
    assert sealed is not None
    assert "1234" not in sealed
    await store.add(a_room(), sealed)
    assert await secrets.load("lobby") == PIN
    assert await secrets.are_on_record("lobby", PIN)
    assert not await secrets.are_on_record("lobby", {"pin": "9999"})


async def test_a_room_without_secrets_has_nothing_to_seal_or_load() -> None:
    secrets = RoomSecrets(Rooms(), Seal(bytes(32)))
    assert secrets.seal("lobby", {}) is None
    assert await secrets.load("lobby") == {}
    assert await secrets.are_on_record("lobby", {})


async def test_secrets_that_another_key_or_room_sealed_cannot_be_loaded() -> None:
    store = Rooms()
    secrets = RoomSecrets(store, Seal(bytes(32)))
    await store.add(a_room("lobby"), RoomSecrets(store, Seal(bytes(31) + b"k")).seal("lobby", PIN))
    await store.add(a_room("stage"), secrets.seal("lobby", PIN))
    for room_id in ("lobby", "stage"):
        with pytest.raises(CannotOpen):
            await secrets.load(room_id)
        assert not await secrets.are_on_record(room_id, PIN)
