from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from service.access.keys import Role, digest_of, make_key
from service.access.ports import KeyStore
from service.storage.engine import Database
from service.storage.keys import SqlKeys
from tests.storage.examples import NOW, SECOND, only_sqlite

pytestmark = pytest.mark.anyio


async def test_a_key_is_found_by_the_digest_of_its_secret(database: Database) -> None:
    store: KeyStore = SqlKeys(database)
    key, secret = make_key("Mo", Role.MODERATOR, NOW, lifetime=timedelta(days=1))
    assert await store.add(key, digest_of(secret))
    assert await store.find(digest_of(secret)) == key
    assert await store.find(digest_of("another")) is None
    assert await store.all() == [key]
    assert not await store.add(make_key("Jo", Role.ADMIN, NOW)[0], digest_of(secret))


async def test_a_key_is_revoked_once(database: Database) -> None:
    store: KeyStore = SqlKeys(database)
    key, secret = make_key("Mo", Role.MODERATOR, NOW)
    await store.add(key, digest_of(secret))
    first = await store.revoke(key.id, NOW + SECOND)
    assert first is not None
    assert first.revoked_at == NOW + SECOND
    assert await store.revoke(key.id, NOW + 2 * SECOND) == first
    assert await store.revoke("key_none", NOW) is None


async def test_the_last_use_is_kept(database: Database) -> None:
    store: KeyStore = SqlKeys(database)
    key, secret = make_key("Mo", Role.MODERATOR, NOW)
    await store.add(key, digest_of(secret))
    await store.used(key.id, NOW + SECOND)
    found = await store.find(digest_of(secret))
    assert found is not None
    assert found.last_used_at == NOW + SECOND


@only_sqlite
async def test_no_secret_is_in_the_files(database: Database, tmp_path: Path) -> None:
    key, secret = make_key("Mo", Role.MODERATOR, NOW)
    await SqlKeys(database).add(key, digest_of(secret))
    assert secret.encode() not in contents(tmp_path)
    assert digest_of(secret).encode() in contents(tmp_path)


def contents(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())
