"""Loading the program: quickly, and ended by Ctrl-C without a word."""

from __future__ import annotations

import gc
import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """For imports. Ctrl-C in the body ends the process at once, with no traceback out of the middle
    of an import.

    What is loaded stays to the end: the garbage collector looks through none of it, now or later.
    """
    handler = signal.signal(signal.SIGINT, signal.SIG_DFL)
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
        signal.signal(signal.SIGINT, handler)
