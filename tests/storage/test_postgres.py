"""Tests for PostgreSQL only: sentences for its errors, and its differences from SQLite."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from sqlalchemy import insert, text

from service.errors import ConfigurationError, Problem, StoreAway
from service.storage import postgres as our_postgres
from service.storage.alerts import SqlAlerts
from service.storage.engine import Database, hide_password
from service.storage.event_log import SqlEventLog, append
from service.storage.rooms import SqlRooms
from service.storage.schema import migrate
from service.storage.tables import keys
from tests.postgres import Postgres
from tests.storage.examples import NOW, a_gap, a_room, a_transcript

pytestmark = pytest.mark.postgres

SECRET = "not-the-password"


@pytest.fixture
def backend() -> str:
    return "postgres"


def refusal(url: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        migrate(url)
    said = str(caught.value)
    assert SECRET not in said
    assert "a-test" not in said
    return said


def test_a_server_that_is_not_there_is_one_sentence() -> None:
    said = refusal(f"postgresql://earshot:{SECRET}@127.0.0.1:1/earshot")
    assert said == (
        "the database 'earshot' on 127.0.0.1:1 cannot be reached: Connect call failed "
        "('127.0.0.1', 1); start PostgreSQL there, or give EARSHOT_DATABASE_URL the right host "
        "and port"
    )


def test_a_host_that_has_no_address_is_one_sentence() -> None:
    said = refusal(f"postgresql://earshot:{SECRET}@nowhere.invalid/earshot")
    assert "on nowhere.invalid cannot be reached: " in said


async def _say_hello(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    writer.close()


@pytest.mark.anyio
async def test_another_kind_of_server_is_one_sentence() -> None:
    async with await asyncio.start_server(_say_hello, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        url = f"postgresql://earshot:{SECRET}@127.0.0.1:{port}/earshot"
        said = await asyncio.to_thread(refusal, url)
    assert f"on 127.0.0.1:{port} cannot be reached: " in said


def test_a_wrong_password_is_one_sentence_without_it(postgres: Postgres) -> None:
    said = refusal(postgres.url("migrated", password=SECRET))
    assert "does not let user 'earshot' in (password authentication failed" in said
    assert said.endswith("give EARSHOT_DATABASE_URL the right user and password")


def test_a_database_that_is_not_there_is_one_sentence(postgres: Postgres) -> None:
    said = refusal(postgres.url("missing"))
    assert "there is no database 'missing' on 127.0.0.1:" in said
    assert "create it with `createdb missing`" in said


def test_a_user_without_rights_is_one_sentence(postgres: Postgres, url: str) -> None:
    name = url.rpartition("/")[2]
    postgres.sql(f"ALTER DATABASE {name} OWNER TO postgres")
    said = refusal(url)
    assert "user 'earshot' may not make or use tables in the database" in said
    assert "permission denied for schema public" in said
    assert said.endswith("make that user the database's owner")


def test_a_parameter_that_postgresql_does_not_know_is_one_sentence(url: str) -> None:
    assert 'unrecognized configuration parameter "colour"' in refusal(url + "?colour=blue")


def test_an_encoding_that_cannot_hold_every_name_is_refused(postgres: Postgres) -> None:
    postgres.sql(
        "CREATE DATABASE latin OWNER earshot TEMPLATE template0 ENCODING LATIN1"
        " LOCALE_PROVIDER libc LOCALE 'C'"
    )
    said = refusal(postgres.url("latin"))
    assert "keeps text as LATIN1; create one with `createdb --encoding=UTF8" in said


def test_a_server_that_is_too_old_is_refused() -> None:
    our_postgres.refuse_old(130_000, "13.0")
    with pytest.raises(ConfigurationError, match=r"PostgreSQL 12\.19; earshot needs"):
        our_postgres.refuse_old(120_019, "12.19")


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+asyncpg", "postgres"])
def test_each_way_to_write_the_address_will_do(url: str, scheme: str) -> None:
    migrate(url.replace("postgresql", scheme, 1))
    migrate(url + "?sslmode=prefer")


def test_several_hosts_and_the_folder_of_a_socket_will_do(postgres: Postgres, url: str) -> None:
    address, _, name = url.rpartition("/")
    userinfo = address.rpartition("@")[0]
    migrate(f"{userinfo}@127.0.0.1:1,127.0.0.1:{postgres.port}/{name}?channel_binding=prefer")
    folder = f"host={postgres.socket_folder}&port={postgres.port}&user=earshot"
    migrate(f"postgres:///{name}?{folder}&keepalives_idle=20&application_name=ours")


def test_the_address_is_shown_without_its_password() -> None:
    shown = hide_password("postgresql://me:secret@db.example:5433/ear?password=secret")
    assert shown == "postgresql://me:***@db.example:5433/ear"
    assert hide_password("sqlite:////tmp/earshot.db") == "sqlite:////tmp/earshot.db"


@pytest.mark.anyio
async def test_every_session_has_the_settings_that_the_promises_need(database: Database) -> None:
    async with database.write() as connection:
        found = {
            name: await connection.scalar(text(f"SHOW {name}"))
            for name in (
                "transaction_isolation",
                "lock_timeout",
                "idle_in_transaction_session_timeout",
                "timezone",
                "synchronous_commit",
            )
        }
    assert found == {
        "transaction_isolation": "read committed",
        "lock_timeout": "5s",
        "idle_in_transaction_session_timeout": "30s",
        "timezone": "UTC",
        "synchronous_commit": "on",
    }


@pytest.mark.anyio
async def test_a_reader_sees_one_moment_and_cannot_write(database: Database) -> None:
    async with database.read() as connection:
        assert await connection.scalar(text("SHOW transaction_read_only")) == "on"
        before = await connection.scalar(text("SELECT count(*) FROM events"))
        async with database.write() as writer:
            await append(writer, a_gap(), NOW)
        assert await connection.scalar(text("SELECT count(*) FROM events")) == before
    assert await SqlEventLog(database).latest() > 0


@pytest.mark.anyio
async def test_every_text_sorts_by_its_bytes_in_a_database_that_sorts_as_english(
    database: Database,
) -> None:
    async with database.read() as connection:
        assert await connection.scalar(text("SELECT 'a' < 'B'"))  # the order of English
        others = text(
            "SELECT count(*) FROM information_schema.columns WHERE table_schema = 'public'"
            " AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'"
        )
        assert await connection.scalar(others) == 0


@pytest.mark.anyio
async def test_a_text_that_cannot_be_stored_is_refused_without_being_repeated(
    database: Database,
) -> None:
    alerts = SqlAlerts(database)
    for bad in ("private\0words", "private\ud800words"):
        for heard in (a_transcript(text=bad), a_transcript(bad)):
            with pytest.raises(Problem, match="NUL or half a surrogate pair") as caught:
                await alerts.commit(heard, [])
            assert caught.value.status == 422
            assert caught.value.__cause__ is None
    assert await SqlEventLog(database).latest() == 0


@pytest.mark.anyio
async def test_a_violated_rule_is_no_database_that_is_away(database: Database) -> None:
    row = {"id": "k", "name": "", "role": "admin", "digest": "d", "created_at": NOW}
    with pytest.raises(Exception, match="duplicate key") as caught:
        async with database.write() as connection:
            await connection.execute(insert(keys), [row, row])
    assert not isinstance(caught.value, StoreAway)


@pytest.mark.anyio
async def test_a_writer_waits_for_another_process_but_not_for_ever(
    database: Database, url: str
) -> None:
    other = Database(url)
    async with other.write() as connection:
        await append(connection, a_gap(), NOW)
        with pytest.raises(StoreAway):
            async with database.write() as late:
                await append(late, a_gap(), NOW)
    async with database.write() as late:
        await append(late, a_gap(), NOW)
    await other.close()


@pytest.mark.anyio
async def test_long_texts_and_many_matches_come_back_whole(database: Database) -> None:
    await SqlRooms(database).add(a_room())
    heard = a_transcript(text="word ☕ " * 40_000)
    await SqlAlerts(database).commit(heard, [])
    (event,) = await SqlEventLog(database).read(1, 10)
    assert event.data["text"] == heard.text


@pytest.mark.anyio
async def test_a_cancelled_reader_leaves_the_pool_whole(database: Database) -> None:
    log = SqlEventLog(database)
    for number in range(40):
        task = asyncio.create_task(log.latest())
        await asyncio.sleep(number / 20_000)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    assert await asyncio.gather(*(log.latest() for _ in range(20))) == [0] * 20
