from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.needs import BROWSER

NEEDS = Path(__file__).parent / "needs.py"
PROGRAMS = {"chromium", "initdb", "janus", "redis-server", "node", "gst-inspect-1.0"}


def run_needs(path: Path) -> subprocess.CompletedProcess[str]:
    """Runs it where the programs of that folder are all there is."""
    return subprocess.run(
        [sys.executable, NEEDS],
        env={"PATH": str(path)},
        cwd=NEEDS.parent.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )


def provide(folder: Path, programs: Iterable[str]) -> None:
    for name in programs:
        program = folder / name
        program.touch()
        program.chmod(0o755)


def test_what_is_missing_is_said_in_one_line_with_its_remedy(tmp_path: Path) -> None:
    provide(tmp_path, PROGRAMS - {"chromium"})
    done = run_needs(tmp_path)
    assert done.returncode == 0
    [line] = done.stderr.splitlines()
    said = re.match(r"LOUD: chromium is missing: (\d+) browser tests will be skipped", line)
    assert said is not None
    assert int(said[1]) > 2
    assert BROWSER.install in line


def test_where_it_is_there_nothing_is_said(tmp_path: Path) -> None:
    provide(tmp_path, PROGRAMS)
    done = run_needs(tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
