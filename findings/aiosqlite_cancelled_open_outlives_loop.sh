#!/usr/bin/env bash
# Is a SQLite connection gone once opening it was cancelled and the cancellation has come through?
#
# Guess: aiosqlite runs each connection on a thread. Its opening catches a cancellation, stops that
# thread and raises again, so when CancelledError comes out of `await aiosqlite.connect(...)` the
# thread has ended, or ends in silence; the program may close its event loop.
# Seen with aiosqlite 0.22.1 on CPython 3.11: stopping is asked for and not waited for. The thread is
# still opening the file after the cancellation and after asyncio.run() has returned. When it is done
# it hands its result to the closed loop: "RuntimeError: Event loop is closed", an unhandled
# exception of a thread, with a traceback on stderr.
# Why it matters here: the pools of SQLAlchemy open connections inside requests and background
# tasks, which are cancelled when a server stops. On a busy machine its last words are a traceback
# that names nothing of the operator's. We wait for the threads when the database is closed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check aiosqlite==0.22.1
"$folder/env/bin/python" - "$folder/file.db" <<'PYTHON'
import asyncio
import sqlite3
import sys
import threading
import time

import aiosqlite

unhandled: list[str] = []
threading.excepthook = lambda args: unhandled.append(f"{args.exc_type.__name__}: {args.exc_value}")
opening = threading.Event()


class SlowToOpen(sqlite3.Connection):
    """A file that takes half a second to open, as on a busy disk."""

    def __init__(self, *args: object, **options: object) -> None:
        opening.set()
        time.sleep(0.5)
        super().__init__(*args, **options)


async def open_and_cancel() -> None:
    async def open_it() -> None:
        await aiosqlite.connect(sys.argv[1], factory=SlowToOpen)

    task = asyncio.create_task(open_it())
    await asyncio.to_thread(opening.wait)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        print("opening is cancelled")


before = set(threading.enumerate())
asyncio.run(open_and_cancel())
left = set(threading.enumerate()) - before
print(f"threads alive after asyncio.run() has returned: {len(left)}")
for thread in left:
    thread.join()
print(f"unhandled in that thread: {unhandled}")
sys.exit(0 if left and unhandled == ["RuntimeError: Event loop is closed"] else "changed")
PYTHON
