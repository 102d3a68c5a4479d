"""Before the tests: what they need of the machine is installed where that may be done.

Never fails; tests whose need is not met are skipped, and counted aloud at the end.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_GLYPHS = "fonts-wqy-microhei"
"""For screenshots of what the console says in Chinese."""
_NO_SERVER_OF_ITS_OWN = (
    "mkdir -p /etc/postgresql-common/createcluster.d && "
    "echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.d/earshot.conf"
)
"""Debian would start one at once; the tests start and stop theirs themselves."""
_INSTALL_S = 600


@dataclass(frozen=True, slots=True)
class Need:
    """A program that some tests need.

    Attributes:
        marker: The pytest marker of these tests, in `folders` (or files).
        prepare: What is to be done before its packages are installed.
    """

    name: str
    marker: str
    folders: Sequence[str]
    packages: Sequence[str]
    prepare: str = ""

    @property
    def install(self) -> str:
        """The remedy, for a person."""
        return f"apt-get install {' '.join(self.packages)}"

    def met(self) -> bool:
        if self is POSTGRES:
            return postgres_programs() is not None
        return shutil.which(self.name) is not None


BROWSER = Need(
    "chromium",
    "browser",
    ("tests/console", "tests/e2e/test_chromium.py", "tests/e2e/test_janus.py"),
    ("chromium", _GLYPHS),
)
POSTGRES = Need(
    "postgresql",
    "postgres",
    ("tests/storage", "tests/drills", "tests/e2e"),
    ("postgresql",),
    prepare=_NO_SERVER_OF_ITS_OWN,
)
JANUS = Need("janus", "janus", ("tests/rooms", "tests/contracts", "tests/e2e"), ("janus",))
REDIS = Need(
    "redis-server",
    "redis",
    (
        "tests/asr/test_redis_queue.py",
        "tests/asr/test_worker.py",
        "tests/contracts/test_work_queues.py",
        "tests/drills/test_worker_crash.py",
        "tests/e2e/test_workers.py",
    ),
    ("redis-server",),
)
NODE = Need("node", "node", ("tests/webhooks",), ("nodejs",))
GSTREAMER = Need(
    "gst-inspect-1.0",
    "gstreamer",
    ("tests/e2e/test_publishers.py",),
    (
        "python3-gi",
        "gir1.2-gst-plugins-bad-1.0",
        "gstreamer1.0-plugins-good",
        "gstreamer1.0-plugins-bad",
        "gstreamer1.0-nice",
        "gstreamer1.0-tools",  # the last: where it is there, so are the others
    ),
)
NEEDS = (BROWSER, POSTGRES, JANUS, REDIS, NODE, GSTREAMER)

CHROMIUM = shutil.which("chromium")
"""Debian's browser, or None."""


def postgres_programs() -> Path | None:
    """The folder with `postgres` and `initdb`, which Debian keeps out of the PATH."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3])
    )
    if found:
        return found[-1].parent
    program = shutil.which("initdb")
    return None if program is None else Path(program).resolve().parent


def main() -> None:
    for need in NEEDS:
        if not need.met():
            _install(need)
        if not need.met():
            _say(
                f"LOUD: {need.name} is missing: {_tests(need)} {need.marker} tests will be "
                f"skipped; to run them: {need.install}"
            )


def _install(need: Need) -> None:
    become = _root()
    if become is None or shutil.which("apt-get") is None:
        return
    _say(f"installing {need.name}, which the {need.marker} tests need")
    # Run level 1: Debian starts no server that it installs. The tests start and stop their own.
    environment = ["env", "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1"]
    commands = [["apt-get", "-qq", "update"]]
    if need.prepare:
        commands.append(["sh", "-c", need.prepare])
    for package in need.packages:
        commands.append(["apt-get", "-qq", "install", "-y", "--no-install-recommends", package])
    for command in commands:
        try:
            done = subprocess.run(
                [*become, *environment, *command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=_INSTALL_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            _say(f"{' '.join(command)}: {error}")
            return
        if done.returncode:
            _say(f"{' '.join(command)}: {_last_line(done.stderr)}")


def _root() -> list[str] | None:
    """What makes a command run as root; None: nothing does without a password."""
    if os.geteuid() == 0:
        return []
    try:
        asked = subprocess.run(["sudo", "-n", "true"], capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return ["sudo", "-n"] if asked.returncode == 0 else None


def _tests(need: Need) -> int:
    """How many tests are marked so; 0 where pytest cannot say."""
    listing = ["-m", "pytest", "-m", need.marker, "--collect-only", "-q", *need.folders]
    listed = subprocess.run([sys.executable, *listing], capture_output=True, check=False)
    return listed.stdout.count(b"::")


def _last_line(output: bytes) -> str:
    lines = output.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it failed and did not say why"


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    main()
