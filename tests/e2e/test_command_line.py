"""Messages and exit codes of the `earshot` command when something is wrong."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from policies.packs import demo_packs
from service.simulation.script import DEMO_SCRIPT
from tests.e2e.commands import Done, earshot, run_commands

BROKEN_PACKS = {
    "first.yaml": "pack: x\nversion: one\npolicies:\n  - id: A B\n",
    "second.yaml": "pack: [\n",
}


NO_DATABASE = "file is not a database"


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of files and folders that are unusable as what they are given for."""
    tmp = tmp_path_factory.mktemp("places")
    (tmp / "file").write_text("a file")
    (tmp / "empty").mkdir()
    for name in ("garbage", "folder", "text"):
        (tmp / name).mkdir()
    (tmp / "garbage" / "earshot.db").write_bytes(os.urandom(5000))
    (tmp / "text" / "earshot.db").write_text("I am a diary, not a database. " * 100)
    (tmp / "folder" / "earshot.db").mkdir()
    (tmp / "packs").mkdir()
    for name, text in BROKEN_PACKS.items():
        (tmp / "packs" / name).write_text(text)
    (tmp / "model").mkdir()
    for name in ("model.bin", "config.json", "tokenizer.json"):
        (tmp / "model" / name).write_text("{}")
    (tmp / "noise.wav").write_bytes(b"RIFF" + os.urandom(2000))
    return tmp


def assert_refused(done: Done, code: int, *parts: str) -> None:
    """Assert one sentence on stderr that contains the parts, and nothing on stdout."""
    assert done.code == code, done
    assert "Traceback" not in done.err
    assert done.out == ""
    [sentence] = [line for line in done.err.splitlines() if line.startswith("earshot: ")]
    for part in parts:
        assert part in done.err, done.err
    assert len(sentence) < 400


@dataclass(frozen=True, slots=True)
class Unusable:
    """Setting that `earshot serve` must refuse; `{tmp}` is the folder of `places`.

    Attributes:
        said: Parts of the message, beside the variable's name.
    """

    variable: str
    value: str
    said: Sequence[str]


UNUSABLE = {
    "an unknown variable": Unusable("EARSHOT_PROT", "1", ["did you mean EARSHOT_PORT?"]),
    "one like no other": Unusable("EARSHOT_ZZZZ", "1", ["`earshot settings`"]),
    "a port that is a word": Unusable("EARSHOT_PORT", "http", ["valid integer"]),
    "a port too high": Unusable("EARSHOT_PORT", "65536", ["65535"]),
    "an address of another machine": Unusable("EARSHOT_HOST", "192.0.2.7", ["192.0.2.7"]),
    "an ICE address of words": Unusable("EARSHOT_ICE_ADDRESSES", "here, there", ["'here'"]),
    "a short admin key": Unusable("EARSHOT_ADMIN_KEY", "hunter2", ["16 characters"]),
    "a database that is not there": Unusable(
        "EARSHOT_DATABASE_URL",
        "postgresql://me:secret@127.0.0.1:1/b",
        ["cannot be reached", "start PostgreSQL"],
    ),
    "a database of another kind": Unusable("EARSHOT_DATABASE_URL", "mysql://a/b", ["mysql"]),
    "data below a file": Unusable("EARSHOT_DATA_DIR", "{tmp}/file/data", ["{tmp}/file/data"]),
    "data in /proc": Unusable("EARSHOT_DATA_DIR", "/proc/earshot", ["/proc/earshot"]),
    "a database of noise": Unusable("EARSHOT_DATA_DIR", "{tmp}/garbage", [NO_DATABASE]),
    "a database of prose": Unusable("EARSHOT_DATA_DIR", "{tmp}/text", [NO_DATABASE]),
    "a database that is a folder": Unusable("EARSHOT_DATA_DIR", "{tmp}/folder", ["earshot.db"]),
    "a model in an empty folder": Unusable("EARSHOT_ASR_MODEL", "{tmp}/empty", ["model.bin"]),
    "a model that is nowhere": Unusable("EARSHOT_ASR_MODEL", "{tmp}/gone", ["{tmp}/gone"]),
    "a model of empty files": Unusable("EARSHOT_ASR_MODEL", "{tmp}/model", ["{tmp}/model"]),
    "an unknown model": Unusable("EARSHOT_ASR_MODEL", "gigantic", ["`earshot models list`"]),
    "no policies": Unusable("EARSHOT_POLICY_DIR", "{tmp}/empty", ["has no packs"]),
    "policies that are a file": Unusable("EARSHOT_POLICY_DIR", "{tmp}/file", ["name a folder"]),
    "broken policies": Unusable(
        "EARSHOT_POLICY_DIR",
        "{tmp}/packs",
        ["first.yaml:1 title", "first.yaml:2 version", "first.yaml:4 pol", "second.yaml:2"],
    ),
}


@pytest.fixture(scope="module")
def refusals(places: Path) -> Mapping[str, Done]:
    """Output of `earshot serve` for each unusable setting, each with a data folder of its own."""
    calls = [
        (
            ["serve"],
            {"EARSHOT_PORT": "0", "EARSHOT_DATA_DIR": str(places / f"data-{number}")}
            | {case.variable: case.value.format(tmp=places)},
        )
        for number, case in enumerate(UNUSABLE.values())
    ]
    return dict(zip(UNUSABLE, run_commands(calls), strict=True))


@pytest.mark.timeout(300)  # the first one waits for the processes of all
@pytest.mark.parametrize("what", UNUSABLE)
def test_a_server_that_cannot_start_says_why_in_one_sentence(
    what: str, refusals: Mapping[str, Done], places: Path
) -> None:
    case = UNUSABLE[what]
    said = [part.format(tmp=places) for part in case.said]
    assert_refused(refusals[what], 2, case.variable, *said)


def test_a_busy_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        done = earshot("serve", EARSHOT_PORT=port, EARSHOT_DATA_DIR=str(tmp_path))
    assert_refused(done, 2, "EARSHOT_PORT", port, "in use")


def test_an_unknown_variable_stops_every_command() -> None:
    commands = (["policy", "check"], ["settings"], ["simulate", "--key", "x"])
    for done in run_commands([(command, {"EARSHOT_PROT": "1"}) for command in commands]):
        assert_refused(done, 2, "EARSHOT_PROT", "EARSHOT_PORT")


def test_wrong_usage_shows_the_right_one() -> None:
    wrong: list[list[str]] = [[], ["policy"], ["dance"], ["serve", "--fast"]]
    for done in run_commands([(arguments, {}) for arguments in wrong]):
        assert done.code == 2
        assert "Usage: earshot" in done.err
        assert "Traceback" not in done.err
        assert done.out == ""


def test_packs_are_checked(places: Path) -> None:
    folders = (demo_packs(), places / "packs", places / "gone")
    good, bad, absent = run_commands([(["policy", "check", str(each)], {}) for each in folders])
    assert (good.code, good.err) == (0, "")
    assert "is fine" in good.out
    assert (bad.code, bad.out) == (1, "")
    assert "Traceback" not in bad.err
    assert {line.partition(":")[0] for line in bad.err.splitlines()} == {
        str(places / "packs" / name) for name in BROKEN_PACKS
    }
    assert absent.code == 2
    assert str(places / "gone") in absent.err


def test_a_file_is_transcribed_or_refused(places: Path) -> None:
    files = (
        DEMO_SCRIPT.parent / "mallory-gift-card.opus",
        places / "noise.wav",
        places / "gone.wav",
    )
    heard, noise, gone = run_commands([(["transcribe", str(file)], {}) for file in files])
    assert heard.code == 0
    assert "send me your gift card codes" in heard.out
    assert_refused(noise, 1, "noise.wav", "WAV, FLAC")
    assert_refused(gone, 1, "gone.wav")


def test_a_simulation_of_a_server_that_is_not_there_ends_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    done = earshot("simulate", "--key", "x", "--url", f"http://127.0.0.1:{port}")
    assert done.code == 1
    assert "`earshot serve`" in done.err
    assert "Traceback" not in done.err
