from __future__ import annotations

import pytest

from service.access.attempts import Attempts
from service.access.authenticate import Door, authenticate
from service.access.first_admin import ensure_admin
from service.access.keys import Role, digest_of, make_key
from service.errors import ConfigurationError
from service.storage.audit import SqlAudit
from service.storage.engine import Database
from service.storage.keys import SqlKeys
from tests.storage.examples import NOW

pytestmark = pytest.mark.anyio


async def test_the_first_start_makes_an_admin_key_and_the_next_does_not(database: Database) -> None:
    store = SqlKeys(database)
    secret = await ensure_admin(store, SqlAudit(database), None, NOW)
    assert secret is not None
    assert secret.startswith("ek_")
    assert (
        await authenticate(store, f"Bearer {secret}", Door(Attempts(), ""), NOW)
    ).role is Role.ADMIN
    assert await ensure_admin(store, SqlAudit(database), None, NOW) is None


async def test_an_admin_key_that_is_no_longer_valid_is_replaced(database: Database) -> None:
    store = SqlKeys(database)
    await ensure_admin(store, SqlAudit(database), None, NOW)
    (key,) = await store.all()
    await store.revoke(key.id, NOW)
    assert await ensure_admin(store, SqlAudit(database), None, NOW) is not None


async def test_a_given_key_is_stored_once_and_not_shown_again(database: Database) -> None:
    store = SqlKeys(database)
    assert await ensure_admin(store, SqlAudit(database), "a-long-random-key", NOW) is None
    assert await ensure_admin(store, SqlAudit(database), "a-long-random-key", NOW) is None
    assert len(await store.all()) == 1
    assert (
        await authenticate(store, "Bearer a-long-random-key", Door(Attempts(), ""), NOW)
    ).role is Role.ADMIN


@pytest.mark.parametrize("given", ["", "  ", " padded"])
async def test_a_given_key_that_no_header_could_carry_is_refused(
    database: Database, given: str
) -> None:
    with pytest.raises(ConfigurationError, match="EARSHOT_ADMIN_KEY is empty or has spaces"):
        await ensure_admin(SqlKeys(database), SqlAudit(database), given, NOW)


async def test_a_given_key_that_was_revoked_is_not_brought_back(database: Database) -> None:
    store = SqlKeys(database)
    await ensure_admin(store, SqlAudit(database), "given", NOW)
    (key,) = await store.all()
    await store.revoke(key.id, NOW)
    with pytest.raises(ConfigurationError, match="which is no longer valid; give another"):
        await ensure_admin(store, SqlAudit(database), "given", NOW)


async def test_a_given_key_of_another_role_is_not_raised_to_admin(database: Database) -> None:
    store = SqlKeys(database)
    await store.add(make_key("Ob", Role.OBSERVER, NOW)[0], digest_of("given"))
    with pytest.raises(ConfigurationError, match="which is of role observer; give another"):
        await ensure_admin(store, SqlAudit(database), "given", NOW)
