from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from service.commands.key import key


@pytest.fixture(autouse=True)
def data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EARSHOT_DATA_DIR", str(tmp_path))


def create(name: str, *options: str, role: str = "room_server") -> Result:
    return CliRunner().invoke(key, ["create", "--name", name, "--role", role, *options])


@pytest.mark.parametrize("rooms", ["club [1]", "", "a,,b", "x," * 100 + "x"])
def test_a_scope_that_cannot_be_is_wrong_usage(rooms: str) -> None:
    made = create("Club", "--rooms", rooms)
    assert made.exit_code == 2
    assert "--rooms" in made.output


def test_an_admin_has_all_rooms() -> None:
    assert create("Ada", "--rooms", "club-*", role="admin").exit_code == 2


def test_a_second_key_of_a_name_that_looks_the_same_is_refused() -> None:
    assert create("Mora").exit_code == 0
    again = create("MORA")
    assert again.exit_code == 1
    assert "looks like" in str(again.exception)


def test_a_name_with_hidden_characters_is_wrong_usage() -> None:
    made = create("Mo\u200bra")
    assert made.exit_code == 2
    assert "character 3 is U+200B (ZERO WIDTH SPACE)" in made.output
