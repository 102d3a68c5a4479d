from __future__ import annotations

import pytest
from sqlalchemy import select

from service.access.keys import Role, digest_of, make_key
from service.access.ports import SessionStore
from service.access.sessions import make_session
from service.storage.engine import Database
from service.storage.keys import SqlKeys
from service.storage.sessions import SqlSessions
from service.storage.tables import sessions as table
from tests.storage.examples import NOW, SECOND

pytestmark = pytest.mark.anyio


async def test_a_session_is_found_with_its_key_as_it_is_now(database: Database) -> None:
    keys, store = SqlKeys(database), SqlSessions(database)
    sessions: SessionStore = store
    key, secret = make_key("Mo", Role.MODERATOR, NOW)
    await keys.add(key, digest_of(secret))
    session, token = make_session(key, NOW)
    await sessions.begin(session, digest_of(token))
    assert await sessions.find(digest_of(token)) == (session, key)
    revoked = await keys.revoke(key.id, NOW + SECOND)
    assert await sessions.find(digest_of(token)) == (session, revoked)
    assert await sessions.find(digest_of("another")) is None


async def test_an_ended_session_is_gone_and_ending_it_twice_does_no_harm(
    database: Database,
) -> None:
    keys, sessions = SqlKeys(database), SqlSessions(database)
    key, secret = make_key("Mo", Role.MODERATOR, NOW)
    await keys.add(key, digest_of(secret))
    made = [make_session(key, NOW) for _ in range(2)]
    for session, token in made:
        await sessions.begin(session, digest_of(token))
    for _ in range(2):
        await sessions.end(digest_of(made[0][1]))
    found = [await sessions.find(digest_of(token)) for _, token in made]
    assert found == [None, (made[1][0], key)]


async def test_only_the_digest_of_a_token_is_kept(database: Database) -> None:
    key, secret = make_key("Mo", Role.MODERATOR, NOW)
    await SqlKeys(database).add(key, digest_of(secret))
    session, token = make_session(key, NOW)
    await SqlSessions(database).begin(session, digest_of(token))
    async with database.read() as connection:
        (row,) = (await connection.execute(select(table))).all()
    assert tuple(row) == (digest_of(token), key.id, session.expires_at)
