from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pytest

from policies.finding import PackInvalid
from policies.spoken import Context, Spoken
from service.errors import StoreAway
from service.feed.ports import Recorded
from service.rulebook.live import LivePolicies
from service.rulebook.refusals import NoSuchVersion, Refused, ShownError, Stale, shown_errors
from service.rulebook.trial import TrialSentence
from service.rulebook.version import NewVersion, Origin, Version
from service.storage.engine import Database
from service.storage.event_log import SqlEventLog
from service.storage.policies import SqlPolicies
from tests.rulebook.examples import MO, files_of, in_force, live_of, text_of

pytestmark = pytest.mark.anyio

NOWHERE = Context("room", "speaker")


@pytest.fixture
def store(database: Database) -> SqlPolicies:
    return SqlPolicies(database)


async def started(store: SqlPolicies, *texts: str, corpus: Path | None = None) -> LivePolicies:
    """Start like a server with these files."""
    live = live_of(store, corpus=corpus)
    await live.follow(files_of(*texts), Origin.FILE)
    return live


async def put(live: LivePolicies, text: str, name: str = "scams") -> Version:
    return (await live.put(name, text.encode(), MO)).live.record


async def refused(live: LivePolicies, content: str | bytes, name: str = "scams") -> list[str]:
    """Return the errors of a change, after which everything must be as before."""
    before = live.snapshot
    sent = content if isinstance(content, bytes) else content.encode()
    with pytest.raises(Refused) as caught:
        await live.put(name, sent, MO)
    assert live.snapshot is before
    errors = caught.value.extra["errors"]
    assert isinstance(errors, list)
    return [_line(ShownError(**each)) for each in errors]


def _line(error: ShownError) -> str:
    return f"{error.line} {error.field}: {error.problem}; {error.remedy}"


async def events(database: Database) -> list[Recorded]:
    return list(await SqlEventLog(database).read(0, 100))


async def test_a_first_start_stores_every_pack_without_an_event(
    store: SqlPolicies, database: Database
) -> None:
    live = await started(store, text_of(), text_of("threats"))
    assert in_force(live) == {"scams": "1.0.0", "threats": "1.0.0"}
    assert [(each.pack, each.origin, each.who) for each in await store.newest()] == [
        ("scams", Origin.FILE, "server"),
        ("threats", Origin.FILE, "server"),
    ]
    assert await events(database) == []


async def test_a_change_applies_from_the_next_utterance_on_and_is_an_event(
    store: SqlPolicies, database: Database
) -> None:
    live = await started(store, text_of())
    spoken = Spoken("now read me the number", "en")
    assert live.matcher().match(spoken, NOWHERE) == []
    record = await put(live, text_of(version="1.1.0", word="number"))
    (match,) = live.matcher().match(spoken, NOWHERE)
    assert (match.pack, match.pack_version) == ("scams", "1.1.0")
    (event,) = await events(database)
    assert event.type == "policies.changed"
    assert event.data["version_id"] == record.id
    assert (event.data["what"], event.data["who"], event.data["origin"]) == ("changed", "Mo", "api")


async def test_the_text_in_force_sent_again_changes_nothing(
    store: SqlPolicies, database: Database
) -> None:
    live = await started(store, text_of())
    change = await live.put("scams", text_of().encode(), MO)
    assert (change.changed, change.live) == (False, live.snapshot.find_pack("scams"))
    with_mark = await live.put("scams", text_of().encode("utf-8-sig"), MO)
    assert not with_mark.changed
    assert len((await store.page("scams", limit=9))[0]) == 1
    assert await events(database) == []


async def test_a_refusal_has_every_error_also_those_about_other_packs(store: SqlPolicies) -> None:
    live = await started(store, text_of(), text_of("threats"))
    text = text_of("frauds", id_="threats-rule").replace("severity: high", "severity: huge")
    assert await refused(live, text) == [
        "2 pack: 'frauds' is not the pack that this is sent as, 'scams'; write `pack: scams`, or "
        "send it as its own",
        "7 policies[0].id: 'threats-rule' is the id of a rule in the pack 'threats' too; give each "
        "rule an id of its own",
        "11 policies[0].severity: 'huge' is not known here; use one of low, medium, high, critical",
    ]


async def test_a_version_names_one_text(store: SqlPolicies) -> None:
    live = await started(store, text_of())
    other = text_of(word="number")
    assert await refused(live, other) == [
        "3 version: '1.0.0' is the version of another text of this pack; raise it, because alerts "
        "say by which version they were raised"
    ]
    await put(live, text_of(version="1.1.0", word="number"))
    assert len(await refused(live, other)) == 1, "of an earlier text, too"
    await put(live, text_of())


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "must be a mapping, not nothing"),
        ("pack: é".encode("latin-1"), "is not UTF-8 text (byte 6)"),
        (text_of().encode("utf-16"), "is not UTF-8 text (byte 0)"),
        (b"a: &a [x]\nb: [*a, *a]\n", "has the YAML anchor &a"),
        (b"&a [" * 500 + b"]" * 500, ""),
        (b"[" * 100_000, ""),
        (b"x" * 1_000_001, "is larger than 1000000 bytes"),
        (text_of(word="a" * 900_000).encode(), ""),
    ],
    ids=["empty", "latin", "utf-16", "aliases", "bomb", "deep", "large", "a long phrase"],
)
async def test_bad_bytes_are_refused_with_a_remedy(
    store: SqlPolicies, content: bytes, problem: str
) -> None:
    live = await started(store, text_of())
    errors = await refused(live, content)
    assert problem in "\n".join(errors)
    assert all("; " in error and len(error) < 500 for error in errors)


async def test_a_change_of_a_version_that_is_not_in_force_is_refused(store: SqlPolicies) -> None:
    live = await started(store, text_of())
    old = str((await store.newest())[0].id)
    new = str((await put(live, text_of(version="1.1.0"))).id)
    content = text_of(version="1.2.0").encode()
    for stale in ([old], ["x"], []):
        with pytest.raises(Stale, match=f'"{new}" is in force, by Mo'):
            await live.put("scams", content, MO, stale)
        with pytest.raises(Stale):
            await live.roll_back("scams", int(old), MO, stale)
    with pytest.raises(Stale, match="no such pack is in force"):
        await live.put("threats", text_of("threats").encode(), MO, ["*"])
    assert (await live.put("scams", content, MO, [old, new])).changed
    assert not (await live.put("scams", content, MO, ["*"])).changed


async def test_changes_at_the_same_time_are_applied_one_after_another(
    store: SqlPolicies,
) -> None:
    live = await started(store, text_of())
    base = str((await store.newest())[0].id)
    texts = [text_of(version=f"1.{n}.0") for n in range(1, 6)]
    outcomes = await asyncio.gather(
        *(live.put("scams", text.encode(), MO, [base]) for text in texts), return_exceptions=True
    )
    assert sorted(type(each).__name__ for each in outcomes) == ["Change", *["Stale"] * 4]
    await asyncio.gather(*(live.put("scams", text.encode(), MO) for text in texts))
    (record,) = await store.newest()
    found = live.snapshot.find_pack("scams")
    assert found is not None
    assert found.record == record


async def test_an_earlier_version_comes_back_as_a_new_record(store: SqlPolicies) -> None:
    live = await started(store, text_of())
    (first,) = await store.newest()
    await put(live, text_of(version="1.1.0"))
    change = await live.roll_back("scams", first.id, MO)
    assert change.live.record.id > first.id
    assert (change.live.record.source, change.live.record.origin) == (
        first.source,
        Origin.ROLL_BACK,
    )
    assert in_force(live) == {"scams": "1.0.0"}
    assert not (await live.roll_back("scams", first.id, MO)).changed


async def test_a_roll_back_to_an_unknown_version_is_refused(store: SqlPolicies) -> None:
    live = await started(store, text_of(), text_of("threats"))
    for id_ in (0, 99, (await store.newest())[1].id):
        with pytest.raises(NoSuchVersion):
            await live.roll_back("scams", id_, MO)


async def test_an_earlier_version_is_checked_again(store: SqlPolicies) -> None:
    live = await started(store, text_of())
    (first,) = await store.newest()
    await put(live, text_of(version="1.1.0", id_="other-rule"))
    await put(live, text_of("threats", id_="scams-rule"), "threats")
    with pytest.raises(Refused, match="is the id of a rule in the pack 'threats' too"):
        await live.roll_back("scams", first.id, MO)


async def test_a_restart_keeps_a_sent_pack_until_its_file_changes(store: SqlPolicies) -> None:
    live = await started(store, text_of())
    await put(live, text_of(version="1.1.0"))
    await put(live, text_of("threats"), "threats")
    assert in_force(await started(store, text_of())) == {"scams": "1.1.0", "threats": "1.0.0"}
    again = await started(store, text_of(version="1.2.0"))
    assert in_force(again) == {"scams": "1.2.0", "threats": "1.0.0"}


async def test_a_pack_whose_file_is_gone_is_gone_after_a_restart(
    store: SqlPolicies, database: Database
) -> None:
    await started(store, text_of(), text_of("threats"))
    live = await started(store, text_of("threats"))
    assert in_force(live) == in_force(await started(store, text_of("threats")))
    assert in_force(live) == {"threats": "1.0.0"}
    assert [(each.data["pack"], each.data["what"]) for each in await events(database)] == [
        ("scams", "removed")
    ]


async def test_a_file_that_clashes_with_a_sent_pack_is_refused(
    store: SqlPolicies,
) -> None:
    live = await started(store, text_of())
    await put(live, text_of("threats"), "threats")
    with pytest.raises(PackInvalid, match="frauds.yaml:7 policies.0..id: 'threats-rule' is the id"):
        await live.follow(files_of(text_of(), text_of("frauds", id_="threats-rule")), Origin.FILE)
    assert in_force(live) == {"scams": "1.0.0", "threats": "1.0.0"}


async def test_a_file_replaces_a_record_that_this_release_refuses(
    store: SqlPolicies, database: Database
) -> None:
    live = await started(store, text_of())
    broken = NewVersion("scams", "2.0.0", "schema: 9", Origin.API, MO, None)
    await store.add([broken, NewVersion("threats", "1", "?", Origin.API, MO, None)], NOW_)
    assert in_force(await started(store, text_of())) == {"scams": "1.0.0"}
    assert in_force(live) == {"scams": "1.0.0"}


NOW_ = datetime.fromisoformat("2026-05-17T12:00:00+00:00")


class Forgetful(SqlPolicies):
    """A database whose answer to a commit is lost, with the commit or without it."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.lose: str | None = None

    async def add(self, versions: Sequence[NewVersion], now: datetime) -> Sequence[Version]:
        lost, self.lose = self.lose, None
        if lost == "commit":
            raise StoreAway("the database does not answer")
        added = await super().add(versions, now)
        if lost == "answer":
            raise StoreAway("the database does not answer")
        return added


@pytest.mark.parametrize(("lose", "then"), [("commit", "1.0.0"), ("answer", "1.1.0")])
async def test_the_record_wins_if_the_answer_to_a_commit_was_lost(
    database: Database, lose: str, then: str
) -> None:
    store = Forgetful(database)
    live = await started(store, text_of())
    store.lose = lose
    with pytest.raises(StoreAway):
        await put(live, text_of(version="1.1.0"))
    assert in_force(live) == {"scams": "1.0.0"}
    await put(live, text_of("threats"), "threats")
    assert in_force(live) == {"scams": then, "threats": "1.0.0"}


async def test_a_draft_replaces_its_pack_in_a_trial_and_changes_nothing(
    store: SqlPolicies,
) -> None:
    live = await started(store, text_of())
    draft = text_of(version="9.0.0", word="number")
    number = TrialSentence("now read me the number", "en")
    code = TrialSentence("now read me the code", "en")
    assert (await live.trial(number, draft=draft)).matches
    assert not (await live.trial(code, draft=draft)).matches
    assert not (await live.trial(number)).matches
    assert (await live.trial(code)).matches
    with pytest.raises(Refused):
        await live.trial(code, draft="schema: 9")
    assert in_force(live) == {"scams": "1.0.0"}


async def test_rules_keep_to_their_budgets_on_benign_speech(
    store: SqlPolicies, tmp_path: Path
) -> None:
    talk = [{"text": "now read me the code", "seconds": 1800}, {"text": "hello", "seconds": 1800}]
    (tmp_path / "talk.jsonl").write_text("\n".join(map(json.dumps, talk)), "utf-8")
    live = await started(store, text_of(version="0.9.0"), corpus=tmp_path)
    strict = text_of().replace("severity: high", "severity: high\n    budget_fa_per_hour: 0.5")
    (error,) = await refused(live, strict)
    assert error == (
        "12 policies[0].budget_fa_per_hour: 0.5 is less than its 1.00 false alarms an hour on "
        "benign speech in 'en'; narrow the rule, or raise the budget"
    )
    report = await live.check(strict.replace("0.5", "2").encode())
    (budget,) = report.budgets
    assert (budget.rule_id, budget.rate, budget.budget, budget.over) == ("scams-rule", 1, 2, False)
    assert report.warnings == ()
    unmeasured = await live_of(store).check(text_of().encode())
    assert "EARSHOT_CORPUS_DIR" in unmeasured.warnings[0]


async def test_no_reader_ever_sees_a_mixture_of_versions(store: SqlPolicies) -> None:
    """Each version has two rules that match the sentence; a match must have both of one version."""

    def text(number: int) -> str:
        first, second = text_of(version=f"1.{number}.0"), text_of(id_="second-rule")
        return first + second[second.index("  - id:") :]

    spoken, readings = Spoken("now read me the code", "en"), 0
    live = await started(store, text(0))
    versions = set()
    async with asyncio.TaskGroup() as tasks:
        changing = tasks.create_task(_change(live, [text(number) for number in range(1, 12)]))
        while not changing.done():
            found = await asyncio.to_thread(live.matcher().match, spoken, NOWHERE)
            assert {match.rule_id for match in found} == {"scams-rule", "second-rule"}
            (version,) = {match.pack_version for match in found}
            versions.add(version)
            readings += 1
    assert readings > 0
    assert len(versions) > 1


async def _change(live: LivePolicies, texts: Sequence[str]) -> None:
    for text in texts:
        await put(live, text)


def test_an_error_is_shown_without_the_path_of_a_file() -> None:
    with pytest.raises(PackInvalid) as caught:
        files_of("schema: 9")
    assert all(each.problem for each in shown_errors(caught.value.errors))
