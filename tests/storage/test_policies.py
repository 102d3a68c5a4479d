from __future__ import annotations

from dataclasses import replace

import pytest

from service.access.audit import Action
from service.errors import Problem
from service.rulebook.ports import PolicyStore
from service.rulebook.version import (
    FROM_FILES,
    Author,
    ChangeKind,
    NewVersion,
    Origin,
    Text,
    VersionEntry,
    digest_of,
)
from service.storage.audit import SqlAudit
from service.storage.engine import Database
from service.storage.event_log import SqlEventLog
from service.storage.policies import SqlPolicies
from tests.rulebook.examples import MO
from tests.storage.examples import NOW

pytestmark = pytest.mark.anyio


def new(pack: str, version: str = "1.0.0", **changes: object) -> NewVersion:
    text = f"the text of {pack} {version}, 密码"
    made = NewVersion(pack, version, text, Origin.API, MO, ChangeKind.ADDED)
    return replace(made, **changes)  # type: ignore[arg-type]


async def test_a_version_comes_back_as_it_was_put_on_record(database: Database) -> None:
    store: PolicyStore = SqlPolicies(database)
    (added,) = await store.add([new("scams")], NOW)
    assert (added.pack, added.version, added.origin, added.who, added.at) == (
        "scams",
        "1.0.0",
        Origin.API,
        "Mo",
        NOW,
    )
    assert added.digest == digest_of(added.source)
    assert await store.find_version("scams", added.id) == added
    assert await store.find_version("threats", added.id) is None
    for unknown in (added.id + 1, 0, -1, 2**64):
        assert await store.find_version("scams", unknown) is None


async def test_event_and_audit_entry_stand_beside_each_change_that_is_change_kind(
    database: Database,
) -> None:
    quiet = new("threats", change=None)
    removed = new("old", origin=Origin.REMOVED, change=ChangeKind.REMOVED, source="", by=Author())
    added, _, gone = await SqlPolicies(database).add([new("scams"), quiet, removed], NOW)
    events = await SqlEventLog(database).read(0, 10)
    assert [event.data for event in events] == [
        {
            "pack": "scams",
            "version": "1.0.0",
            "version_id": added.id,
            "origin": "api",
            "who": "Mo",
            "what": "added",
        },
        {
            "pack": "old",
            "version": "1.0.0",
            "version_id": gone.id,
            "origin": "removed",
            "who": "server",
            "what": "removed",
        },
    ]
    entries, _ = await SqlAudit(database).page(None, None, limit=9)
    assert {(entry.who, entry.action, entry.subject, entry.key_id) for entry in entries} == {
        ("Mo", Action.POLICIES_CHANGED, "scams", "key_1"),
        ("server", Action.POLICIES_CHANGED, "old", ""),
    }


async def test_several_changes_are_on_record_together_or_not_at_all(database: Database) -> None:
    store = SqlPolicies(database)
    with pytest.raises(Problem, match="NUL|surrogate"):
        await store.add([new("scams"), new("threats", version="\ud800", source="")], NOW)
    assert await store.newest() == []
    assert await SqlEventLog(database).read(0, 10) == []


async def test_the_newest_of_each_pack_is_found_also_among_those_from_files(
    database: Database,
) -> None:
    store = SqlPolicies(database)
    first, threats, second, api = await store.add(
        [
            new("scams", origin=Origin.FILE),
            new("threats"),
            new("scams", "1.1.0", origin=Origin.FILE),
            new("scams", "1.2.0"),
        ],
        NOW,
    )
    assert first.id < threats.id < second.id < api.id
    assert await store.newest() == [threats, api]
    assert await store.newest(FROM_FILES) == [second]


async def test_every_text_is_told_once_and_a_removal_is_none(database: Database) -> None:
    store = SqlPolicies(database)
    await store.add([new("scams"), new("scams"), new("scams", origin=Origin.REMOVED)], NOW)
    await store.add([new("scams", source="other")], NOW)
    digest = digest_of(new("scams").source)
    texts = await store.texts("scams")
    assert set(texts) == {Text("1.0.0", digest), Text("1.0.0", digest_of("other"))}
    assert len(texts) == 2
    assert await store.texts("threats") == []


async def test_a_history_comes_page_by_page_newest_first(database: Database) -> None:
    store = SqlPolicies(database)
    added = [*await store.add([new("scams", f"1.0.{n}") for n in range(5)], NOW)]
    await store.add([new("threats")], NOW)
    found: list[VersionEntry] = []
    cursor = None
    while True:
        page, cursor = await store.page("scams", limit=2, cursor=cursor)
        found += page
        if cursor is None:
            break
    assert [each.id for each in found] == [each.id for each in added[::-1]]
    assert found[0].version == "1.0.4"
    assert await store.page("nothing", limit=2) == ([], None)


@pytest.mark.parametrize("cursor", ["nonsense", "MSBhdV8x", "MSAtMQ", "MSDCsg"])
async def test_a_cursor_of_another_list_is_refused(database: Database, cursor: str) -> None:
    with pytest.raises(Problem, match="Bad cursor"):
        await SqlPolicies(database).page("scams", limit=2, cursor=cursor)
