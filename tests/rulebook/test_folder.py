from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from service.errors import ConfigurationError, StoreAway
from service.metrics import Metrics
from service.rulebook.folder import PolicyFolder, load_files, scan_folder
from service.rulebook.live import LivePolicies
from service.rulebook.version import Origin
from service.storage.engine import Database
from service.storage.policies import SqlPolicies
from tests.rulebook.examples import MO, in_force, live_of, text_of
from tests.rulebook.test_live import Forgetful

pytestmark = pytest.mark.anyio


class Watched:
    """A folder with live policies that follow it."""

    def __init__(self, folder: Path, live: LivePolicies, metrics: Metrics) -> None:
        self.folder = folder
        self.live = live
        self.metrics = metrics
        self.watch = PolicyFolder(folder, load_files(folder), live, metrics=metrics)

    def write(self, name: str, text: str | bytes) -> None:
        content = text if isinstance(text, bytes) else text.encode()
        (self.folder / name).write_bytes(content)

    async def settle(self) -> dict[str, str]:
        """Scan twice, so that a change is applied. Returns the versions in force."""
        for _ in range(2):
            await self.watch.check_folder()
        return in_force(self.live)

    def refused(self) -> dict[str, list[str]]:
        return {
            each.path: [f"{error.line} {error.field}: {error.problem}" for error in each.errors]
            for each in self.watch.refused()
        }


def write_all(folder: Path, texts: Mapping[str, str]) -> None:
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text, "utf-8")


async def watched(folder: Path, store: SqlPolicies, **texts: str) -> Watched:
    write_all(folder, texts)
    metrics = Metrics()
    live = live_of(store, metrics=metrics)
    await live.follow(load_files(folder), Origin.FILE)
    return Watched(folder, live, metrics)


@pytest.fixture
async def two(tmp_path: Path, database: Database) -> Watched:
    store = SqlPolicies(database)
    return await watched(tmp_path / "packs", store, scams=text_of(), threats=text_of("threats"))


async def test_a_changed_file_comes_into_force_once_it_stays_the_same(two: Watched) -> None:
    two.write("scams.yaml", text_of(version="1.1.0")[:100])
    await two.watch.check_folder()
    two.write("scams.yaml", text_of(version="1.1.0"))
    await two.watch.check_folder()
    assert in_force(two.live) == {"scams": "1.0.0", "threats": "1.0.0"}
    assert two.refused() == {}, "a file that is half written is not read"
    await two.watch.check_folder()
    assert in_force(two.live) == {"scams": "1.1.0", "threats": "1.0.0"}
    found = two.live.snapshot.find_pack("scams")
    assert found is not None
    assert (found.record.origin, found.record.who) == (Origin.FILE, "server")


async def test_nothing_happens_while_nothing_changes(two: Watched) -> None:
    before = two.live.snapshot
    os.utime(two.folder / "scams.yaml")
    for _ in range(3):
        await two.settle()
    assert two.live.snapshot is before


async def test_packs_come_and_go_with_their_files(two: Watched) -> None:
    two.write("frauds.yml", text_of("frauds"))
    two.write("notes.txt", "not a pack")
    assert set(await two.settle()) == {"frauds", "scams", "threats"}
    (two.folder / "threats.yaml").unlink()
    assert set(await two.settle()) == {"frauds", "scams"}


async def test_a_renamed_file_changes_nothing(two: Watched) -> None:
    before = two.live.snapshot
    (two.folder / "scams.yaml").rename(two.folder / "a.yaml")
    await two.settle()
    assert two.live.snapshot is before
    two.write("a.yaml", text_of(version="1.1.0"))
    assert await two.settle() == {"scams": "1.1.0", "threats": "1.0.0"}


async def test_a_rule_moves_from_one_file_to_another_in_one_step(two: Watched) -> None:
    two.write("scams.yaml", text_of(version="1.1.0", id_="threats-rule"))
    two.write("threats.yaml", text_of("threats", "1.1.0", id_="scams-rule"))
    assert await two.settle() == {"scams": "1.1.0", "threats": "1.1.0"}
    assert two.refused() == {}


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"schema: 9", "1 schema: this schema is not known here"),
        (b"\xff\xfe", "1 : is not UTF-8 text (byte 0)"),
        (b"x" * 1_000_001, "None : is larger than 1000000 bytes"),
    ],
    ids=["schema", "bytes", "size"],
)
async def test_a_bad_file_leaves_its_pack_as_it_was_until_it_is_corrected(
    two: Watched, content: bytes, error: str
) -> None:
    two.write("scams.yaml", content)
    two.write("threats.yaml", text_of("threats", "1.1.0"))
    with capture_logs() as logged:
        assert await two.settle() == {"scams": "1.0.0", "threats": "1.1.0"}
        await two.settle()
    assert error in str(two.refused()["scams.yaml"] if "scams.yaml" in two.refused() else "")
    assert [line["event"] for line in logged].count("policies.file_refused") == 1
    assert two.metrics.policy_changes.labels("file", "refused")._value.get() == 1
    two.write("scams.yaml", text_of(version="1.2.0"))
    assert await two.settle() == {"scams": "1.2.0", "threats": "1.1.0"}
    assert two.refused() == {}


async def test_a_bad_file_that_is_restored_or_removed_is_no_longer_refused(two: Watched) -> None:
    two.write("scams.yaml", "?")
    two.write("new.yaml", "?")
    await two.settle()
    assert set(two.refused()) == {"scams.yaml", "new.yaml"}
    two.write("scams.yaml", text_of())
    (two.folder / "new.yaml").unlink()
    assert await two.settle() == {"scams": "1.0.0", "threats": "1.0.0"}
    assert two.refused() == {}


async def test_a_file_that_repeats_a_rule_of_another_is_refused(two: Watched) -> None:
    two.write("scams.yaml", text_of(version="1.1.0", id_="threats-rule"))
    assert await two.settle() == {"scams": "1.0.0", "threats": "1.0.0"}
    (error,) = two.refused()["scams.yaml"]
    assert error.startswith(
        "None : cannot be used with the other files (threats.yaml:7 policies[0].id: "
        "'threats-rule' is the id of a rule in "
    )


async def test_a_second_file_of_a_pack_is_refused(two: Watched) -> None:
    two.write("a.yaml", text_of(version="3.0.0"))
    assert await two.settle() == {"scams": "1.0.0", "threats": "1.0.0"}
    assert set(two.refused()) == {"a.yaml"}


async def test_a_file_refused_because_of_a_sent_pack_is_applied_once_that_pack_has_changed(
    two: Watched,
) -> None:
    await two.live.put("frauds", text_of("frauds").encode(), MO)
    two.write("scams.yaml", text_of(version="1.1.0", id_="frauds-rule"))
    assert (await two.settle())["scams"] == "1.0.0"
    await two.live.put("frauds", text_of("frauds", "1.1.0", id_="own").encode(), MO)
    assert (await two.settle())["scams"] == "1.1.0"
    assert two.refused() == {}


async def test_a_sent_pack_stays_until_its_file_changes_again(two: Watched) -> None:
    await two.live.put("scams", text_of(version="2.0.0").encode(), MO)
    assert (await two.settle())["scams"] == "2.0.0"
    two.write("scams.yaml", text_of(version="1.5.0"))
    assert (await two.settle())["scams"] == "1.5.0"


async def test_an_edited_file_with_the_same_version_is_applied_with_a_warning(
    two: Watched,
) -> None:
    two.write("scams.yaml", text_of(word="number"))
    with capture_logs() as logged:
        await two.settle()
    found = two.live.snapshot.find_pack("scams")
    assert found is not None
    assert found.record.source == text_of(word="number")
    assert "policies.version_not_raised" in [line["event"] for line in logged]


@pytest.mark.parametrize("gone", ["the folder", "its files"])
async def test_a_folder_that_is_gone_or_empty_leaves_everything_in_force(
    two: Watched, gone: str
) -> None:
    shutil.rmtree(two.folder)
    if gone == "its files":
        two.folder.mkdir()
    assert await two.settle() == {"scams": "1.0.0", "threats": "1.0.0"}
    assert set(two.refused()) == {"packs"}
    two.folder.mkdir(exist_ok=True)
    two.write("scams.yaml", text_of())
    assert await two.settle() == {"scams": "1.0.0"}
    assert two.refused() == {}


async def test_the_last_packs_stay_if_only_a_bad_file_is_left(two: Watched) -> None:
    for name in ("scams.yaml", "threats.yaml"):
        (two.folder / name).unlink()
    two.write("new.yaml", "?")
    assert await two.settle() == {"scams": "1.0.0", "threats": "1.0.0"}
    await two.settle()
    assert set(two.refused()) == {"new.yaml", "scams.yaml", "threats.yaml"}
    two.write("new.yaml", text_of("new"))
    assert await two.settle() == {"new": "1.0.0"}
    assert two.refused() == {}


async def test_a_change_waits_for_a_database_that_is_away(
    tmp_path: Path, database: Database
) -> None:
    store = Forgetful(database)
    one = await watched(tmp_path / "packs", store, scams=text_of())
    one.write("scams.yaml", text_of(version="1.1.0"))
    store.lose = "commit"
    with pytest.raises(StoreAway):
        await one.settle()
    assert in_force(one.live) == {"scams": "1.0.0"}
    assert await one.settle() == {"scams": "1.1.0"}


def test_a_file_that_changes_within_the_grain_of_its_time_stamp_is_scanned(tmp_path: Path) -> None:
    path = tmp_path / "scams.yaml"
    path.write_text("a", "utf-8")
    before = scan_folder(tmp_path, {})
    stamp = path.stat().st_mtime_ns
    path.write_text("b", "utf-8")
    os.utime(path, ns=(stamp, stamp))
    assert scan_folder(tmp_path, before)[str(path)].digest != before[str(path)].digest


def test_a_bad_file_at_the_start_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "scams.yaml").write_text("schema: 9", "utf-8")
    with pytest.raises(ConfigurationError, match="EARSHOT_POLICY_DIR: .*\n.*scams.yaml:1 schema"):
        load_files(tmp_path)


async def test_a_refused_file_that_is_removed_with_another_change_is_forgotten(
    two: Watched,
) -> None:
    two.write("new.yaml", "?")
    await two.settle()
    (two.folder / "new.yaml").unlink()
    await two.live.put("frauds", text_of("frauds").encode(), MO)
    await two.settle()
    assert two.refused() == {}
    two.write("new.yaml", text_of("new"))
    assert "new" in await two.settle()
