from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.needs import INSTALL

NEEDS = Path(__file__).parent / "needs.py"


def run_needs(path: Path) -> subprocess.CompletedProcess[str]:
    """Runs it where the programs of that folder are all there is."""
    return subprocess.run(
        [sys.executable, NEEDS],
        env={"PATH": str(path)},
        cwd=NEEDS.parent.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_what_is_missing_is_said_in_one_line_with_its_remedy(tmp_path: Path) -> None:
    done = run_needs(tmp_path)
    assert done.returncode == 0
    [line] = done.stderr.splitlines()
    assert line.startswith("LOUD: chromium is missing: 2 browser tests will be skipped")
    assert INSTALL in line


def test_where_it_is_there_nothing_is_said(tmp_path: Path) -> None:
    chromium = tmp_path / "chromium"
    chromium.touch()
    chromium.chmod(0o755)
    done = run_needs(tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
