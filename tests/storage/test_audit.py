from __future__ import annotations

from datetime import timedelta

import pytest

from service.access.audit import COMMAND_LINE, Action, Entry, make_entry
from service.access.ports import AuditStore
from service.errors import Problem
from service.storage.audit import KEPT, SqlAudit
from service.storage.engine import Database
from service.storage.expiry import expire
from tests.storage.examples import NOW, SECOND

pytestmark = pytest.mark.anyio


def an_entry(number: int, who: str = "Ann", subject: str = "lobby") -> Entry:
    """Make an entry. Two share each second, so that their order within it is tested too."""
    at = NOW + number // 2 * SECOND
    return make_entry(
        who, Action.ROOM_OPENED, subject, at, reason=f"{number}", key_id="key_1", role="admin"
    )


async def all_of(
    store: AuditStore, who: str | None = None, subject: str | None = None
) -> list[Entry]:
    found: list[Entry] = []
    cursor = None
    while True:
        page, cursor = await store.page(who, subject, limit=2, cursor=cursor)
        found += page
        if cursor is None:
            return found


async def test_entries_come_back_page_by_page_newest_first(database: Database) -> None:
    store: AuditStore = SqlAudit(database)
    entries = [an_entry(number) for number in range(7)]
    for entry in entries:
        await store.add(entry)
    found = await all_of(store)
    assert found == sorted(entries, key=lambda entry: (entry.at, entry.id), reverse=True)


async def test_a_list_may_be_of_one_person_or_of_one_thing(database: Database) -> None:
    store: AuditStore = SqlAudit(database)
    ann, bob = an_entry(0), an_entry(2, "Bob", "den")
    line = make_entry(COMMAND_LINE, Action.KEY_REVOKED, "key_1", NOW)
    for entry in (ann, bob, line):
        await store.add(entry)
    assert await all_of(store, who="Bob") == [bob]
    assert await all_of(store, who=COMMAND_LINE) == [line]
    assert await all_of(store, subject="lobby") == [ann]
    assert await all_of(store, who="Bob", subject="lobby") == []


async def test_a_cursor_of_another_list_is_refused(database: Database) -> None:
    with pytest.raises(Problem, match="Bad cursor"):
        await SqlAudit(database).page(None, None, limit=2, cursor="nonsense")


@pytest.mark.parametrize(("alert_days", "kept"), [(30, KEPT), (1000, timedelta(days=1000))])
async def test_entries_stay_a_year_or_as_long_as_alerts(
    database: Database, alert_days: int, kept: timedelta
) -> None:
    store = SqlAudit(database)
    entry = an_entry(0)
    await store.add(entry)
    await expire(database, NOW + kept, talk_hours=24, alert_days=alert_days)
    assert await all_of(store) == [entry]
    await expire(database, NOW + kept + SECOND, talk_hours=24, alert_days=alert_days)
    assert await all_of(store) == []
