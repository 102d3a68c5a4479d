#!/usr/bin/env bash
# Does a native automaton let other Python threads run while it is built?
#
# Guess: its documentation says that matching on strings releases the interpreter lock, to enable
# concurrency. So a build of many phrases (Rust), which touches no
# Python object once the strings are copied, lets other threads run, too. A build on a worker
# thread would then cost the event loop nothing.
# Seen with ahocorasick_rs 1.0.3 on CPython 3.11: the build holds the lock from beginning to end.
# Another thread stands still for nine tenths of it and more.
# Why it matters here: compiling policies on a thread of the process that hears rooms stops the
# hearing for the whole build. Builds belong into a child process, and what has to be built again
# beside the hearing must be small.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check ahocorasick_rs==1.0.3
"$folder/env/bin/python" - <<'PYTHON'
import random
import string
import sys
import threading
import time

from ahocorasick_rs import AhoCorasick

random.seed(1)
phrases = ["".join(random.choices(string.ascii_lowercase, k=24)) for _ in range(20_000)]
longest, stop, watching = 0.0, threading.Event(), threading.Event()


def watch() -> None:
    """Note the longest time for which this thread did not run."""
    global longest
    last = time.perf_counter()
    while not stop.is_set():
        now = time.perf_counter()
        if watching.is_set():
            longest = max(longest, now - last)
        last = now
        time.sleep(0.0005)


thread = threading.Thread(target=watch)
thread.start()
time.sleep(0.1)
watching.set()
began = time.perf_counter()
AhoCorasick(phrases, store_patterns=False)
took = time.perf_counter() - began
time.sleep(0.01)
stop.set()
thread.join()
print(f"build of {len(phrases):,} phrases: {1000 * took:.0f} ms; another thread stood still for "
      f"{100 * longest / took:.0f} % of it")
sys.exit(0 if longest > 0.8 * took else "changed: other threads run during a build")
PYTHON
