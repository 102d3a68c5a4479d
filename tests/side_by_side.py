"""`make test`: the tests in parts, several at a time, because they mostly wait."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import IO

AT_ONCE = 3
"""Parts that run at the same time: three keep two cores busy, because speech takes real time."""
EVERYTHING = "tests"
PARTS: Sequence[Sequence[str]] = (
    (
        "tests/e2e/test_chromium.py",
        "tests/e2e/test_demo.py",
        "tests/e2e/test_janus.py",
        "tests/e2e/test_publishers.py",
        "tests/e2e/test_workers.py",
    ),
    ("tests/e2e",),
    ("tests/drills",),
    ("tests/blackbox",),
    ("tests/console",),
    ("tests/asr", "tests/contracts", "tests/rooms"),
    (EVERYTHING,),
    ("tests/feed", "tests/rulebook", "tests/storage", "tests/webhooks"),
)
"""Folders and files of each part, longest part first.

A test belongs to the part that names the innermost folder or file around it.
"""
_INTERRUPTED = (130, 2, -signal.SIGINT)
"""Exit codes after Ctrl-C: of a shell, of pytest, and of a program that the signal kills."""
_NOTICE_S = 1.0
_PYTEST = (sys.executable, "-m", "pytest", "-m", "not drill")


@dataclass(frozen=True, slots=True)
class Done:
    """Finished part.

    Attributes:
        name: Name of the part.
        code: Exit code.
        seconds: Duration.
    """

    name: str
    code: int
    seconds: float


def command(part: Sequence[str], parts: Sequence[Sequence[str]] = PARTS) -> list[str]:
    """Return the pytest command of a part, without the places inside it that other parts name."""
    others = (place for other in parts if other != part for place in other)
    inside = [place for place in others if any(place.startswith(f"{own}/") for own in part)]
    # All parts would write to the same cache.
    return [*_PYTEST, "-p", "no:cacheprovider", *part, *(f"--ignore={place}" for place in inside)]


def run(commands: Mapping[str, Sequence[str]], out: IO[bytes]) -> int:
    """Run all parts; write the output of each when it ends, and the durations at the end.

    Returns: Exit code of the first part that failed; 0: all passed; 130: interrupted.
    """
    finished: list[Done] = []
    interrupted = threading.Event()

    def show(ended: Future[Done]) -> None:
        done = ended.result()
        out.write(f"\n===== {done.name}\n".encode())
        with open(running.pop(ended), "rb") as said:
            shutil.copyfileobj(said, out)
        out.flush()
        finished.append(done)

    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(AT_ONCE) as pool:
        running = {
            pool.submit(_run_one, name, words, path, interrupted): path
            for number, (name, words) in enumerate(commands.items())
            if (path := f"{folder}/{number}")
        }
        try:
            for ended in as_completed(list(running)):
                show(ended)
        except KeyboardInterrupt:  # the running parts receive the same Ctrl-C
            interrupted.set()
            pool.shutdown(cancel_futures=True)
            for ended in [one for one in running if not one.cancelled()]:
                show(ended)
    for done in finished:
        result = "passed" if done.code == 0 else f"FAILED ({done.code})"
        out.write(f"{done.seconds:6.0f} s  {result}  {done.name}\n".encode())
    out.flush()
    return 130 if interrupted.is_set() else next((done.code for done in finished if done.code), 0)


def _run_one(name: str, words: Sequence[str], path: str, interrupted: threading.Event) -> Done:
    """Run a part, unless Ctrl-C was pressed.

    A part that Ctrl-C ended frees its thread before the main thread has noticed: wait for that.
    """
    began_s = time.monotonic()
    with open(path, "wb") as said:
        if interrupted.is_set():
            return Done(name, 130, 0.0)
        code = subprocess.call(words, stdout=said, stderr=subprocess.STDOUT)
    if code in _INTERRUPTED:
        interrupted.wait(_NOTICE_S)
    return Done(name, code, time.monotonic() - began_s)


def main() -> int:
    sys.stdout.write(f"{len(PARTS)} parts, {AT_ONCE} at once; each is shown when it ends\n")
    sys.stdout.flush()
    return run({" ".join(part): command(part) for part in PARTS}, sys.stdout.buffer)


if __name__ == "__main__":
    sys.exit(main())
