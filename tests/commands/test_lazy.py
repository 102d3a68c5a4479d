"""Lazy loading of commands and of the packages that they use."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from policies.packs import demo_packs
from service.commands.cli import cli
from service.commands.lazy import Later, LazyGroup
from tests.server import clean_environment

_SERVER = {"alembic", "ctranslate2", "fastapi", "faster_whisper", "onnxruntime", "sqlalchemy"}
_WEBRTC = {"aiortc", "av"}
_RUN = """
import sys
from service.__main__ import main
try:
    main()
except SystemExit:
    print(*{name.partition(".")[0] for name in sys.modules}, file=sys.stderr)
"""


def loaded_by(*arguments: str, **settings: str) -> set[str]:
    """Return the packages in memory at the end of a command."""
    done = subprocess.run(
        [sys.executable, "-c", _RUN, *arguments],
        env=clean_environment() | settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return set(done.stderr.splitlines()[-1].split())


def test_the_version_and_the_help_load_nothing_but_the_command_line() -> None:
    for arguments in (["--version"], ["--help"], ["bench", "--help"]):
        found = loaded_by(*arguments)
        assert "click" in found
        assert not found & (_SERVER | _WEBRTC | {"numpy", "policies"})


def test_packs_are_checked_without_the_server() -> None:
    found = loaded_by("policy", "check", str(demo_packs()))
    assert "policies" in found
    assert not found & (_SERVER | _WEBRTC | {"numpy"})


def test_a_room_is_simulated_without_the_server() -> None:
    found = loaded_by("simulate", "--key", "x", "--url", "http://127.0.0.1:1")
    assert found >= _WEBRTC
    assert not found & _SERVER


def test_a_wrong_setting_is_refused_without_the_server() -> None:
    found = loaded_by("serve", EARSHOT_PORT="http")
    assert not found & (_SERVER | _WEBRTC | {"numpy", "policies"})


def test_a_file_is_transcribed_without_a_server_and_a_database() -> None:
    found = loaded_by("transcribe", "--help")
    assert "faster_whisper" in found
    assert not found & {"aiortc", "alembic", "fastapi", "sqlalchemy"}


def test_keys_are_made_without_webrtc_and_models() -> None:
    found = loaded_by("key", "create", "--help")
    assert not found & (_WEBRTC | {"fastapi", "faster_whisper", "onnxruntime"})


def groups(group: LazyGroup, context: click.Context) -> Iterator[tuple[LazyGroup, click.Context]]:
    yield group, context
    for name in group.later:
        command = group.get_command(context, name)
        if isinstance(command, LazyGroup):
            yield from groups(command, click.Context(command, context, name))


def test_every_command_is_listed_by_the_first_sentence_of_its_own_help() -> None:
    assert isinstance(cli, LazyGroup)
    found = list(groups(cli, click.Context(cli)))
    assert {group.name for group, _ in found} == {"cli", "bench", "policy"}
    for group, context in found:
        assert list(group.later)
        for name, later in group.later.items():
            command = group.get_command(context, name)
            assert command is not None
            assert command.name == name
            assert later.does == command.get_short_help_str(limit=1000)


def test_the_interrupt_handler_is_restored_once_a_command_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slow_to_load.py").write_text(
        "import signal, click\n"
        "meanwhile = signal.getsignal(signal.SIGINT)\n"
        "command = click.Command('slow')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    before = signal.getsignal(signal.SIGINT)
    Later("slow_to_load:command", "").load()
    assert sys.modules.pop("slow_to_load").meanwhile is signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) is before
