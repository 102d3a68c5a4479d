from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.processes import Helper
from tests.side_by_side import AT_ONCE, PARTS, command, run

ROOT = Path(__file__).parents[1]
CTRL_C = """
import signal
import sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from tests.side_by_side import run
part = (
    "import sys, time; print('begun', flush=True); open(sys.argv[1], 'w').close();"
    " time.sleep(60)"
)
parts = {{str(n): [sys.executable, "-c", part, "{folder}/" + str(n)] for n in range(9)}}
sys.exit(run(parts, sys.stdout.buffer))
"""
"""Parts that print a word, leave a file and would take a minute. A shell that runs these tests in
the background makes them ignore Ctrl-C."""


def says(text: str, code: int = 0) -> list[str]:
    return [sys.executable, "-c", f"print({text!r}); raise SystemExit({code})"]


def test_every_test_file_is_in_exactly_one_part() -> None:
    files = {str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("test_*.py")}
    taken = [
        file
        for part in PARTS
        for file in files
        if _within(file, part) and not _within(file, _ignored(command(part)))
    ]
    assert sorted(taken) == sorted(files)


def _ignored(words: list[str]) -> list[str]:
    return [word.removeprefix("--ignore=") for word in words if word.startswith("--ignore=")]


def _within(file: str, places: Sequence[str]) -> bool:
    return any(file == place or file.startswith(f"{place}/") for place in places)


@pytest.mark.parametrize("place", [place for part in PARTS for place in part])
def test_every_part_names_what_is_there(place: str) -> None:
    assert (ROOT / place).exists()


def test_parts_that_pass_are_shown_whole_with_their_time() -> None:
    out = io.BytesIO()
    assert run({"one": says("first"), "two": says("second")}, out) == 0
    said = out.getvalue().decode().splitlines()
    for name, text in (("one", "first"), ("two", "second")):
        assert said[said.index(f"===== {name}") + 1] == text
    assert sorted(line.split("  ")[-2:] for line in said[-2:]) == [
        ["passed", "one"],
        ["passed", "two"],
    ]


def test_a_part_that_fails_fails_the_whole_and_stops_no_other() -> None:
    out = io.BytesIO()
    many = {f"part {number}": says(f"said {number}") for number in range(2 * AT_ONCE)}
    assert run({"bad": says("oh", 3), **many}, out) == 3
    said = out.getvalue().decode()
    assert "FAILED (3)  bad" in said
    assert all(f"said {number}\n" in said for number in range(2 * AT_ONCE))


def test_a_part_takes_what_it_names_and_leaves_what_others_name() -> None:
    """The collection of pytest, with a part inside another."""
    parts = (("tests/webhooks/test_away.py",), ("tests/webhooks",))
    words = [*command(parts[1], parts), "--collect-only", "-q"]
    listed = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "tests/webhooks/test_message.py::" in listed
    assert "test_away.py" not in listed


def test_ctrl_c_shows_what_the_parts_have_said_and_begins_no_other(tmp_path: Path) -> None:
    """The parts run in a process group of their own, as on a terminal."""
    program = CTRL_C.format(folder=str(tmp_path))
    log = tmp_path / "log"
    running = Helper("the parts", [sys.executable, "-c", program], log, cwd=ROOT, own_group=True)
    running.wait_until(lambda: len(list(tmp_path.glob("[0-9]"))) == AT_ONCE, 30, every_s=0.02)
    running.press_ctrl_c()
    assert running.wait(30) == 130
    assert log.read_text().count("begun\n") == AT_ONCE
    assert len(list(tmp_path.glob("[0-9]"))) == AT_ONCE
