"""`earshot bench` from an installed wheel, which has no benchmarks."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys
sys.path[:0] = sys.argv[1:3]
sys.argv[:] = ["earshot", *sys.argv[3:]]
from service.commands.cli import run
run()
"""


def installed(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command with the wheel's packages alone; -S leaves the checkout out of the path."""
    for package in ("service", "asr", "policies"):
        (folder / package).symlink_to(ROOT / package)
    program = [sys.executable, "-S", "-P", "-c", PROGRAM, str(folder)]
    return subprocess.run(
        [*program, sysconfig.get_path("purelib"), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_wheel_says_where_the_benchmarks_are(tmp_path: Path) -> None:
    done = installed(tmp_path, "bench", "path")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        "earshot: the benchmarks are not part of the installed package; clone earshot's "
        "repository and run `earshot bench path` there (docs/operate.md)\n"
    )


def test_the_wheel_lists_the_benchmarks(tmp_path: Path) -> None:
    done = installed(tmp_path, "bench", "--help")
    assert done.returncode == 0, done.stderr
    assert "ingest" in done.stdout
