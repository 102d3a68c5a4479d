from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.needs import BROWSER

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
        timeout=110,
    )


def test_what_is_missing_is_said_in_one_line_with_its_remedy(tmp_path: Path) -> None:
    done = run_needs(tmp_path)
    assert done.returncode == 0
    [line] = [line for line in done.stderr.splitlines() if "chromium" in line]
    said = re.match(r"LOUD: chromium is missing: (\d+) browser tests will be skipped", line)
    assert said is not None
    assert int(said[1]) > 2
    assert BROWSER.install in line


def test_where_it_is_there_nothing_is_said(tmp_path: Path) -> None:
    for name in ("chromium", "initdb", "janus", "redis-server", "node", "gst-inspect-1.0"):
        program = tmp_path / name
        program.touch()
        program.chmod(0o755)
    done = run_needs(tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
