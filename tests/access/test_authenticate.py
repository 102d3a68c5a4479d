from __future__ import annotations

from datetime import timedelta

import pytest

from service.access.authenticate import Caller, authenticate
from service.access.keys import Role, digest_of, make_key
from service.access.ports import KeyStore
from service.errors import Problem
from service.storage.engine import Database
from service.storage.keys import SqlKeys
from tests.storage.examples import NOW, SECOND

pytestmark = pytest.mark.anyio


@pytest.fixture
def store(database: Database) -> KeyStore:
    return SqlKeys(database)


async def refusal(store: KeyStore, authorization: str | None, *query: str) -> Problem:
    with pytest.raises(Problem) as caught:
        await authenticate(store, authorization, query, NOW)
    assert caught.value.status == 401
    assert caught.value.headers == {"WWW-Authenticate": "Bearer"}
    return caught.value


async def test_the_holder_of_a_key_is_known_by_name_and_role(store: KeyStore) -> None:
    key, secret = make_key("Mo", Role.MODERATOR, NOW)
    await store.add(key, digest_of(secret))
    expected = Caller("Mo", Role.MODERATOR, key.id)
    assert await authenticate(store, f"Bearer {secret}", ["room"], NOW) == expected
    assert await authenticate(store, f"bearer   {secret} ", [], NOW) == expected


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer  ", "Basic YTpi", "ek_bare", "é"])
async def test_a_request_without_a_bearer_key_is_told_how_to_send_one(
    store: KeyStore, header: str | None
) -> None:
    assert "`Authorization: Bearer KEY`" in (await refusal(store, header)).detail


async def test_an_unknown_key_is_refused_without_repeating_it(store: KeyStore) -> None:
    assert "ek_wrong" not in str(await refusal(store, "Bearer ek_wrong"))


async def test_a_key_ends_with_its_expiry(store: KeyStore) -> None:
    key, secret = make_key("Mo", Role.ADMIN, NOW - timedelta(days=1), lifetime=timedelta(days=1))
    await store.add(key, digest_of(secret))
    assert await authenticate(store, f"Bearer {secret}", [], NOW - SECOND)
    assert f"{key.id} expired on 2026-05-17" in (await refusal(store, f"Bearer {secret}")).detail


async def test_a_key_ends_when_it_is_revoked(store: KeyStore) -> None:
    key, secret = make_key("Mo", Role.ADMIN, NOW)
    await store.add(key, digest_of(secret))
    await store.revoke(key.id, NOW)
    assert f"{key.id} was revoked on" in (await refusal(store, f"Bearer {secret}")).detail


@pytest.mark.parametrize("name", ["key", "token", "access_token", "api_key", "Key", "API_KEY"])
async def test_a_key_in_the_address_is_refused_even_beside_a_good_header(
    store: KeyStore, name: str
) -> None:
    key, secret = make_key("Mo", Role.ADMIN, NOW)
    await store.add(key, digest_of(secret))
    problem = await refusal(store, f"Bearer {secret}", "room", name)
    assert "must not stand in the address" in problem.detail


async def test_the_last_use_is_written_at_most_once_a_minute(store: KeyStore) -> None:
    key, secret = make_key("Mo", Role.ADMIN, NOW)
    await store.add(key, digest_of(secret))
    written = []
    for second in (0, 1, 59, 60, 61, 119, 120):
        await authenticate(store, f"Bearer {secret}", [], NOW + second * SECOND)
        found = await store.find(digest_of(secret))
        assert found is not None
        assert found.last_used_at is not None
        written.append((found.last_used_at - NOW) / SECOND)
    assert written == [0, 0, 0, 60, 60, 60, 120]
