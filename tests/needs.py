"""Before the tests: what they need of the machine is installed where that may be done.

Never fails; tests whose need is not met are skipped, and counted aloud at the end.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

CHROMIUM = shutil.which("chromium")
"""Debian's browser, or None."""
INSTALL = "apt-get install chromium"

_INSTALL_S = 600


def main() -> None:
    if CHROMIUM is None:
        _install()
    if shutil.which("chromium") is None:
        _say(
            f"LOUD: chromium is missing: {_browser_tests()} browser tests will be skipped; "
            f"to run them: {INSTALL}"
        )


def _install() -> None:
    become = _root()
    if become is None or shutil.which("apt-get") is None:
        return
    _say("installing chromium, which the browser tests need")
    environment = ["env", "DEBIAN_FRONTEND=noninteractive"]
    for command in (
        ["apt-get", "-qq", "update"],
        ["apt-get", "-qq", "install", "-y", "--no-install-recommends", "chromium"],
    ):
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


def _browser_tests() -> int:
    """How many tests are marked so; 0 where pytest cannot say."""
    listing = ["-m", "pytest", "-m", "browser", "--collect-only", "-q", "tests/e2e"]
    listed = subprocess.run([sys.executable, *listing], capture_output=True, check=False)
    return listed.stdout.count(b"::")


def _last_line(output: bytes) -> str:
    lines = output.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it failed and did not say why"


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    main()
