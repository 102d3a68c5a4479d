"""`make test`: the tests that mostly wait, for speech and for processes, beside all others."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile

WAITING = ("tests/drills", "tests/e2e")
_PYTEST = (sys.executable, "-m", "pytest", "-m", "not drill")


def main() -> int:
    """The exit code of the first half that failed; 0: all passed."""
    with tempfile.TemporaryFile() as said:
        # A cache of its own would be overwritten by the other half's.
        beside = [*_PYTEST, "-p", "no:cacheprovider", *WAITING]
        waiting = subprocess.Popen(beside, stdout=said, stderr=subprocess.STDOUT)
        try:
            sys.stdout.write(f"Beside these run, and are told of after them: {' '.join(WAITING)}\n")
            sys.stdout.flush()
            working = subprocess.call([*_PYTEST, *(f"--ignore={folder}" for folder in WAITING)])
        except KeyboardInterrupt:
            working = 130
        finally:
            failed = waiting.wait()  # it has had the same Ctrl-C
            said.seek(0)
            shutil.copyfileobj(said, sys.stdout.buffer)
            sys.stdout.flush()
    return working or failed


if __name__ == "__main__":
    sys.exit(main())
