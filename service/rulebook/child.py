"""Child process for policy work: `python -m service.rulebook.child SECONDS`.

A job is a function of this project with its arguments, pickled by the server. The child ends when
its stdin ends (the server has closed it or has died), and after SECONDS without a job, so that an
idle server does not hold its memory. It writes nothing to disk.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import sys
import threading
import time
import traceback
from contextlib import suppress
from pathlib import Path

from policies.finding import PackInvalid
from service.rulebook.answers import IDLE, OUT_OF_MEMORY, Answer, Broken, Done, Invalid
from service.rulebook.pipe_messages import PipeClosed, read_frame, write_frame

NICENESS = 5
"""Priority below the rooms: on a busy processor the child gets a third of the time of each of their
threads. With much less, a change of policies would never end on a busy server."""
_LAST_JOB_S = 1.0
"""Time for the running job after the server has gone."""
_OOM_SCORE = "500"
"""Out-of-memory score: the kernel kills this process before the server."""


def main() -> None:
    jobs, answers = _own_pipes()
    _lower_priority()
    waiting: queue.Queue[bytearray | None] = queue.Queue(1)
    threading.Thread(target=_receive, args=(jobs, waiting), daemon=True).start()
    idle_s = float(sys.argv[1])
    try:
        while (job := waiting.get(timeout=idle_s)) is not None:
            write_frame(answers, pickle.dumps(_answer(job), pickle.HIGHEST_PROTOCOL))
    except queue.Empty:
        sys.exit(IDLE)
    except PipeClosed:
        sys.exit()


def _own_pipes() -> tuple[int, int]:
    """Reserve stdin and stdout for jobs; prints go to stderr, and so to the log."""
    jobs, answers = os.dup(0), os.dup(1)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    return jobs, answers


def _lower_priority() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server ends this process
    os.nice(NICENESS)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE, "ascii")


def _receive(jobs: int, waiting: queue.Queue[bytearray | None]) -> None:
    """Read on while a job runs, to notice the end of the server."""
    while True:
        try:
            waiting.put(read_frame(jobs))
        except PipeClosed:
            break
    with suppress(queue.Full):
        waiting.put(None, timeout=_LAST_JOB_S)
        time.sleep(_LAST_JOB_S)
    os._exit(0)


def _answer(job: bytearray) -> Answer:
    try:
        function, args, kwargs = pickle.loads(job)
        return Done(function(*args, **kwargs))
    except PackInvalid as invalid:
        return Invalid(invalid)
    except MemoryError:
        os._exit(OUT_OF_MEMORY)
    except Exception as error:  # noqa: BLE001 - the server reports it
        last = traceback.extract_tb(error.__traceback__)[-1]
        return Broken(type(error).__name__, f"{Path(last.filename).name}:{last.lineno}")


if __name__ == "__main__":
    main()
