from __future__ import annotations

from datetime import timedelta

import pytest

from service.access.attempts import MOST, RENEWED_EVERY, Attempts
from service.access.authenticate import (
    Caller,
    Door,
    authenticate,
    authenticate_session,
    find_key,
    refuse_in_address,
)
from service.access.keys import Key, Role, digest_of, make_key
from service.access.ports import KeyStore
from service.access.sessions import LIFETIME, make_session
from service.errors import Problem
from service.storage.engine import Database
from service.storage.keys import SqlKeys
from service.storage.sessions import SqlSessions
from tests.storage.examples import NOW, SECOND

pytestmark = pytest.mark.anyio


@pytest.fixture
def store(database: Database) -> KeyStore:
    return SqlKeys(database)


def door(address: str = "192.0.2.1") -> Door:
    return Door(Attempts(), address)


async def refusal(store: KeyStore, authorization: str | None) -> Problem:
    with pytest.raises(Problem) as caught:
        await authenticate(store, authorization, door(), NOW)
    assert caught.value.status == 401
    assert caught.value.headers == {"WWW-Authenticate": "Bearer"}
    return caught.value


async def test_the_holder_of_a_key_is_known_by_name_and_role(store: KeyStore) -> None:
    key, secret = make_key("Mo", Role.MODERATOR, NOW)
    await store.add(key, digest_of(secret))
    expected = Caller("Mo", Role.MODERATOR, key.id)
    assert await authenticate(store, f"Bearer {secret}", door(), NOW) == expected
    assert await authenticate(store, f"bearer   {secret} ", door(), NOW) == expected


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
    assert await authenticate(store, f"Bearer {secret}", door(), NOW - SECOND)
    assert f"{key.id} expired on 2026-05-17" in (await refusal(store, f"Bearer {secret}")).detail


async def test_a_key_ends_when_it_is_revoked(store: KeyStore) -> None:
    key, secret = make_key("Mo", Role.ADMIN, NOW)
    await store.add(key, digest_of(secret))
    await store.revoke(key.id, NOW)
    assert f"{key.id} was revoked on" in (await refusal(store, f"Bearer {secret}")).detail


@pytest.mark.parametrize("name", ["key", "token", "access_token", "api_key", "Key", "API_KEY"])
def test_a_key_in_the_address_is_refused(name: str) -> None:
    refuse_in_address(["room", "lang"])
    with pytest.raises(Problem, match="must not be in the address") as caught:
        refuse_in_address(["room", name])
    assert caught.value.status == 401


async def test_the_last_use_is_written_at_most_once_a_minute(store: KeyStore) -> None:
    key, secret = make_key("Mo", Role.ADMIN, NOW)
    await store.add(key, digest_of(secret))
    written = []
    for second in (0, 1, 59, 60, 61, 119, 120):
        await authenticate(store, f"Bearer {secret}", door(), NOW + second * SECOND)
        found = await store.find(digest_of(secret))
        assert found is not None
        assert found.last_used_at is not None
        written.append((found.last_used_at - NOW) / SECOND)
    assert written == [0, 0, 0, 60, 60, 60, 120]


async def test_after_many_unknown_keys_an_address_must_wait(store: KeyStore) -> None:
    at = door()
    for number in range(MOST):
        with pytest.raises(Problem, match="unknown here"):
            await find_key(store, f"ek_{number}", at, NOW)
    key, secret = make_key("Mo", Role.ADMIN, NOW)
    await store.add(key, digest_of(secret))
    with pytest.raises(Problem) as caught:
        await find_key(store, secret, at, NOW)
    assert caught.value.status == 429
    assert caught.value.headers == {"Retry-After": "3"}
    assert caught.value.detail == ("too many unknown keys came from your address; try again in 3 s")
    assert await find_key(store, secret, Door(at.attempts, "192.0.2.2"), NOW) == key
    assert await find_key(store, secret, at, NOW + RENEWED_EVERY)


async def test_a_key_that_was_good_from_an_address_goes_on_working_there(store: KeyStore) -> None:
    key, secret = make_key("Mo", Role.ADMIN, NOW)
    await store.add(key, digest_of(secret))
    at = door()
    assert await find_key(store, secret, at, NOW)
    for number in range(MOST + 1):
        with pytest.raises(Problem):
            await find_key(store, f"ek_{number}", at, NOW)
    assert await find_key(store, secret, at, NOW)


async def test_an_ended_key_is_no_guess(store: KeyStore) -> None:
    key, secret = make_key("Mo", Role.ADMIN, NOW)
    await store.add(key, digest_of(secret))
    await store.revoke(key.id, NOW)
    at = door()
    for _ in range(MOST + 1):
        with pytest.raises(Problem, match="was revoked"):
            await find_key(store, secret, at, NOW)


class Page:
    """Signed-in page."""

    def __init__(self, database: Database) -> None:
        self.keys = SqlKeys(database)
        self.sessions = SqlSessions(database)
        self.token = ""

    async def sign_in(self, lifetime: timedelta | None = None) -> Key:
        key, secret = make_key("Mo", Role.MODERATOR, NOW, lifetime=lifetime)
        await self.keys.add(key, digest_of(secret))
        session, self.token = make_session(key, NOW)
        await self.sessions.begin(session, digest_of(self.token))
        return key

    async def call(self, after: timedelta = SECOND) -> Caller:
        return await authenticate_session(self.sessions, self.keys, self.token, NOW + after)


@pytest.fixture
def page(database: Database) -> Page:
    return Page(database)


async def test_a_session_stands_for_its_key_for_a_shift(page: Page) -> None:
    key = await page.sign_in()
    expected = Caller("Mo", Role.MODERATOR, key.id, NOW + LIFETIME)
    assert await page.call() == expected
    assert await page.call(LIFETIME - SECOND) == expected
    with pytest.raises(Problem, match="signed in until 2026-05-18T00:00:00.123Z; sign in again"):
        await page.call(LIFETIME)


async def test_a_session_does_not_outlive_its_key(page: Page) -> None:
    await page.sign_in(timedelta(hours=1))
    assert (await page.call()).until == NOW + timedelta(hours=1)
    with pytest.raises(Problem, match="expired on"):
        await page.call(timedelta(hours=1))


async def test_revoking_a_key_ends_its_sessions_at_once(page: Page) -> None:
    key = await page.sign_in()
    await page.keys.revoke(key.id, NOW)
    with pytest.raises(Problem, match=f"{key.id} was revoked on .*; ask for a new one") as caught:
        await page.call()
    assert caught.value.status == 401


async def test_an_unknown_session_is_told_to_sign_in(page: Page) -> None:
    page.token = "es_nothing"
    with pytest.raises(Problem, match="signed out; sign in with your key again"):
        await page.call()


async def test_using_a_session_counts_as_use_of_its_key(page: Page) -> None:
    await page.sign_in()
    await page.call(SECOND)
    (key,) = await page.keys.all()
    assert key.last_used_at == NOW + SECOND
