from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.plain_english import MOST_MODULES, crowded, idioms, main, own_names, ports, riddles

HERE = Path("module.py")
PORT = """
from typing import Protocol

class Store(Protocol):
    def fetch(self) -> None: ...
    def drop(self) -> None: ...
"""
ADAPTER = """
class SqlStore:
    def fetch(self) -> None: ...
    def drop(self) -> None: ...
    def vacuum(self) -> None: ...
    def _connect(self) -> None: ...
"""


def lines_of_riddles(source: str) -> list[int]:
    return [finding.line for finding in riddles(HERE, source)]


@pytest.mark.parametrize(
    "docstring",
    [
        "What the server sends.",
        "Of one room: its speakers.",
        "How long silence is allowed, in seconds.",
        "Whose line it is.",
        "Where the page begins.",
        "As many as fit.",
        "That nothing is lost.",
        "Whoever comes in.",
        "The like of it.",
    ],
)
def test_a_docstring_that_begins_with_a_relative_clause_is_a_riddle(docstring: str) -> None:
    assert lines_of_riddles(f'"""{docstring}"""\n') == [1]


@pytest.mark.parametrize(
    "docstring",
    [
        "Reorder window for one track.",
        "Return the packets that are due.",
        "Offers of a room.",
        "Whatsoever.",
        "Howling of a loudspeaker.",
        "Assert that nothing is lost.",
    ],
)
def test_a_docstring_that_begins_with_a_noun_or_a_verb_is_none(docstring: str) -> None:
    assert lines_of_riddles(f'"""{docstring}"""\n') == []


def test_only_the_first_line_of_a_docstring_must_not_be_a_clause() -> None:
    assert lines_of_riddles('"""Open the page.\n\nWhat follows is a sentence.\n"""\n') == []
    assert lines_of_riddles('"""\nWhat the page shows.\n"""\n') == [2]


def test_docstrings_of_classes_functions_and_attributes_are_read() -> None:
    source = (
        "class Page:\n"
        '    """What is shown."""\n'
        "    width: int\n"
        '    """How wide it is."""\n'
        "    async def open(self) -> None:\n"
        '        """When it opens."""\n'
    )
    assert sorted(lines_of_riddles(source)) == [2, 4, 6]


@pytest.mark.parametrize(
    "field",
    [
        "    room_id: Of the room.",
        "    first, last: When it began and ended.",
        "    *names: Which to list.",
        "Returns: What was found.",
        "    Raises: Whatever the parser raises.",
    ],
)
def test_a_description_of_a_field_that_begins_with_a_clause_is_a_riddle(field: str) -> None:
    assert lines_of_riddles(f'"""Title.\n\n{field}\n"""\n') == [3]


@pytest.mark.parametrize("field", ["    room_id: Room to leave.", "Returns: Packets that are due."])
def test_a_description_of_a_field_that_names_its_subject_is_none(field: str) -> None:
    assert lines_of_riddles(f'"""Title.\n\n{field}\n"""\n') == []


def test_strings_that_are_not_docstrings_are_ignored() -> None:
    source = 'TITLE = "What the page shows"\nprint("whoever is told of it")\n'
    assert lines_of_riddles(source) == []
    assert list(idioms(HERE, source)) == []


def test_a_phrase_of_the_idiolect_is_found_in_docstrings_and_comments() -> None:
    source = '"""Gap.\n\nIt is told of once.\n"""\nWAIT_S = 1  # whoever waits For So Long leaves\n'
    found = [str(finding) for finding in idioms(HERE, source)]
    assert found == [
        "module.py:3: It is told of once.",
        "module.py:5: # whoever waits For So Long leaves",
    ]


def test_a_number_sign_inside_a_string_does_not_start_a_comment() -> None:
    assert list(idioms(HERE, 'COLOUR = "# so many"\n')) == []


def test_the_methods_of_a_port_are_not_the_choice_of_its_implementations() -> None:
    declared = ports([ast.parse(PORT)])
    assert declared == [{"fetch", "drop"}]
    assert own_names(ast.parse(ADAPTER), declared) == {"vacuum"}
    assert own_names(ast.parse(ADAPTER), []) == {"fetch", "drop", "vacuum"}


def test_private_functions_and_names_of_frameworks_are_not_counted() -> None:
    source = "def main() -> None: ...\ndef _run() -> None: ...\nasync def serve() -> None: ...\n"
    assert own_names(ast.parse(source), []) == {"serve"}


def test_a_name_in_too_many_modules_is_listed_with_them() -> None:
    few = {Path(f"{number}.py"): "def find() -> None: ...\n" for number in range(MOST_MODULES)}
    assert crowded(few) == {}
    many = {**few, Path("one_more.py"): "def find() -> None: ...\n"}
    assert crowded(many) == {"find": list(many)}


def test_the_findings_in_a_folder_are_listed_without_failing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "page.py").write_text('"""What the page shows, all the same."""\n', "utf-8")
    assert main([str(tmp_path)]) == 0
    first, second, summary = capsys.readouterr().out.splitlines()
    assert first == second == f"{tmp_path / 'page.py'}:1: What the page shows, all the same."
    assert summary.startswith("1 docstrings begin with a free relative or a genitive")
