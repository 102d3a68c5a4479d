"""`earshot bench` where the benchmarks are not: in an installed wheel."""

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
    """Run the command with the wheel's packages alone; -S passes over the checkout's own path."""
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


def test_benchmarks_are_looked_for_in_a_checkout_only(tmp_path: Path) -> None:
    done = installed(tmp_path, "bench", "path")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        "earshot: the benchmarks are not part of the installed package; clone earshot's "
        "repository, and run `earshot bench path` as its README says\n"
    )


def test_the_list_of_benchmarks_is_shown_without_them(tmp_path: Path) -> None:
    done = installed(tmp_path, "bench", "--help")
    assert done.returncode == 0, done.stderr
    assert "ingest" in done.stdout
