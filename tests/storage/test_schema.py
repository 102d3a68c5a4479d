from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import JSON, Boolean, Connection, DateTime, Integer, MetaData, Table, inspect, text

from service.errors import ConfigurationError
from service.storage import schema
from service.storage.engine import Database, make_engine, parse_url, writer_options
from service.storage.schema import migrate, open_database
from service.storage.tables import metadata
from tests.storage.examples import NOW

REVISIONS = [script.revision for script in ScriptDirectory(schema.MIGRATIONS).walk_revisions()][
    ::-1
]

_Result = TypeVar("_Result")


def on(url: str, act: Callable[[Connection], _Result]) -> _Result:
    """Run a function in a committed transaction."""

    async def run() -> _Result:
        parsed = parse_url(url)
        engine = make_engine(parsed)
        writer = engine.execution_options(**writer_options(parsed))
        try:
            async with writer.begin() as connection:
                return await connection.run_sync(act)
        finally:
            await engine.dispose()

    return asyncio.run(run())


def execute(url: str, statement: str) -> None:
    on(url, lambda connection: connection.execute(text(statement)))


def tables(connection: Connection) -> list[Table]:
    found = MetaData()
    found.reflect(connection)
    return [table for table in found.sorted_tables if table.name != "alembic_version"]


def a_row(table: Table) -> dict[str, Any]:
    """Make a row that meets every constraint of the table; all references are to "x"."""
    row: dict[str, Any] = {}
    for column in table.columns:
        match column.type:
            case Boolean():
                row[column.name] = True
            case Integer():
                row[column.name] = 7
            case DateTime():
                row[column.name] = NOW if column.type.timezone else NOW.replace(tzinfo=None)
            case JSON():
                row[column.name] = {"b": [1, None], "a": "é"}
            case _:
                row[column.name] = "x"
    return row


def fill(connection: Connection) -> None:
    for table in tables(connection):
        connection.execute(table.insert().values(a_row(table)))


def contents(connection: Connection) -> dict[str, dict[str, Any]]:
    """Return the row of each table that has one."""
    found = {}
    for table in tables(connection):
        for row in connection.execute(table.select()).mappings():
            found[table.name] = dict(row)
    return found


def test_the_migrations_make_exactly_the_tables_that_the_code_uses(url: str) -> None:
    migrate(url)

    def differences(connection: Connection) -> object:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return compare_metadata(context, metadata)

    assert on(url, differences) == []


@pytest.mark.parametrize("revision", REVISIONS)
def test_what_is_stored_under_any_earlier_schema_is_there_under_the_newest(
    url: str, revision: str
) -> None:
    migrate(url, revision)
    on(url, fill)
    before = on(url, contents)
    migrate(url)
    after = on(url, contents)
    for table, row in before.items():
        assert row.items() <= after[table].items(), table


def test_an_action_that_was_requested_is_pending_and_its_mute_waits_for_the_confirmation(
    url: str,
) -> None:
    migrate(url, "0007")
    on(url, fill)
    execute(url, "UPDATE actions SET state = 'requested'")
    execute(url, "UPDATE mutes SET action_id = 'x'")
    migrate(url)
    after = on(url, contents)
    action = after["actions"]
    assert (action["state"], action["late"], action["delivered_at"]) == ("pending", False, None)
    assert action["expires_at"] - action["requested_at"] == timedelta(seconds=30)
    assert "mutes" not in after


def test_the_migrations_go_down_with_data_step_by_step_and_up_again(url: str) -> None:
    migrate(url)
    on(url, fill)
    for _ in REVISIONS[1:]:
        migrate(url, "-1")
    kept = on(url, contents)
    assert kept.keys() == {table.name for table in on(url, tables)}
    migrate(url)
    after = on(url, contents)
    for table, row in kept.items():
        assert row.items() <= after[table].items(), table
    migrate(url, "base")
    assert on(url, lambda connection: inspect(connection).get_table_names()) == ["alembic_version"]
    migrate(url)


def test_a_migration_that_fails_leaves_the_schema_as_it_was(url: str) -> None:
    migrate(url, REVISIONS[0])
    execute(url, "CREATE TABLE sessions (id INTEGER)")  # a later migration makes this table
    before = on(url, lambda connection: inspect(connection).get_columns("alerts"))
    with pytest.raises(ConfigurationError, match="already exists"):
        migrate(url)
    after = on(url, lambda connection: inspect(connection).get_columns("alerts"))
    assert [column["name"] for column in after] == [column["name"] for column in before]


@pytest.mark.anyio
async def test_several_processes_may_migrate_at_the_same_time(url: str) -> None:
    databases = await asyncio.gather(*(open_database(url) for _ in range(4)))
    for database in databases:
        await database.close()


def test_a_schema_from_the_future_is_refused_and_left_alone(url: str) -> None:
    migrate(url)
    execute(url, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ConfigurationError, match="has schema 9999, which is newer than this"):
        migrate(url)


def test_the_database_of_another_program_is_refused(url: str) -> None:
    if url.startswith("sqlite"):
        migrate(url)
        migrate(url, "base")
        execute(url, "DROP TABLE alembic_version")
    execute(url, "CREATE TABLE recipes (id INTEGER)")
    with pytest.raises(ConfigurationError, match="another program .it has a table 'recipes'."):
        migrate(url)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("not a url", "is not a database URL"),
        ("sqlite://", "names no file"),
        ("postgresql://user:secret@host", "names no database"),
        ("postgresql://user:secret@host:port/db", "is not a database URL"),
        ("mysql://user:secret@host/db", "cannot use mysql"),
        ("oracle+cx://user:secret@host/db", "cannot use oracle"),
    ],
)
def test_an_unusable_address_is_refused_without_repeating_it(address: str, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason) as caught:
        Database(address)
    assert "secret" not in str(caught.value)


def test_decisions_about_despair_of_an_earlier_release_become_those_of_help(url: str) -> None:
    migrate(url, "0007")
    rows = {
        "despair": ("suicide_self_harm", "self-harm-means", "upheld"),
        "open": ("suicide_self_harm", "self-harm-means", None),
        "no": ("suicide_self_harm", "of-the-operator", "dismissed"),
        "to-others": ("suicide_self_harm", "self-harm-encouraging", "upheld"),
        "offence": ("hate", "slur", "upheld"),
    }

    def add(connection: Connection) -> None:
        found = {table.name: table for table in tables(connection)}
        for id_, (category, rule_id, outcome) in rows.items():
            alert, hit = a_row(found["alerts"]), a_row(found["rule_hits"])
            alert |= {"id": id_, "utterance_id": id_, "category": category, "outcome": outcome}
            alert |= {"matches": [{"rule_id": rule_id}]}
            hit |= {"utterance_id": id_, "category": category, "rule_id": rule_id}
            connection.execute(found["alerts"].insert().values(alert))
            connection.execute(found["rule_hits"].insert().values(hit))

    on(url, add)
    migrate(url)

    def handlings(connection: Connection) -> list[tuple[str, str, str | None, str]]:
        found = connection.execute(
            text(
                "SELECT alerts.id, alerts.handling, alerts.outcome, rule_hits.handling FROM alerts"
                " JOIN rule_hits ON rule_hits.utterance_id = alerts.id ORDER BY alerts.id"
            )
        )
        return [tuple(row) for row in found]

    assert on(url, handlings) == [
        ("despair", "help", "supported", "help"),
        ("no", "help", "not_needed", "help"),
        ("offence", "offence", "upheld", "offence"),
        ("open", "help", None, "help"),
        ("to-others", "offence", "upheld", "offence"),
    ]
