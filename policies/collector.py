"""Python's cyclic garbage collector, paused where it only costs time."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collector() -> Iterator[None]:
    """Pause the collector while packs are compiled.

    Nothing made then is garbage, and there is much of it: the collector would scan all of it again
    and again, for nearly half of the time.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
