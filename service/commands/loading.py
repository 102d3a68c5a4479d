"""Quick imports that Ctrl-C ends without a traceback."""

from __future__ import annotations

import gc
import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """Import modules in the body; let Ctrl-C end the process at once there.

    Keeps the imported objects out of garbage collection for good: they live until the end.
    """
    handler = signal.signal(signal.SIGINT, signal.SIG_DFL)
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
        signal.signal(signal.SIGINT, handler)
