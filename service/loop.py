"""The server's event loop: asyncio's, where datagrams wait a moment for one another.

Every track sends a packet each 20 ms, at a time of its own, so that a server with some tens of them
wakes up hundreds of times a second to find one packet. To wake costs more than the packet: the
processor has slept, and its caches have cooled. All else, requests, answers of threads and timers,
is seen at once as ever.
"""

from __future__ import annotations

import asyncio
import selectors
import socket
import time
from typing import Any

GATHER_S = 0.008
"""How long after the loop last woke up a datagram may wait: a small part of the 80 ms for which
packets wait for those before them."""


def event_loop() -> asyncio.AbstractEventLoop:
    """A loop whose datagrams gather, for `asyncio.Runner`."""
    return asyncio.SelectorEventLoop(GatheringSelector())


class GatheringSelector(selectors.DefaultSelector):
    """
    Args:
        gather_s: How long datagrams may wait.
    """

    def __init__(self, gather_s: float = GATHER_S) -> None:
        super().__init__()
        self._gather_s = gather_s
        self._urgent = selectors.DefaultSelector()
        """All but datagrams."""
        self._woke_s = 0.0

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = super().register(fileobj, events, data)
        if not _carries_datagrams(key.fd):
            self._urgent.register(key.fd, events)
        return key

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = super().modify(fileobj, events, data)
        if key.fd in self._urgent.get_map():
            self._urgent.modify(key.fd, events)
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        key = super().unregister(fileobj)
        if key.fd in self._urgent.get_map():
            self._urgent.unregister(key.fd)
        return key

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """As `selectors.BaseSelector.select`, but datagrams wait until `gather_s` has passed since
        something was last told of, or the time-out has, or there is something else to tell."""
        if timeout is None or timeout > 0:
            timeout = self._gather(timeout)
        found = super().select(timeout)
        self._woke_s = time.monotonic()
        return found

    def close(self) -> None:
        self._urgent.close()
        super().close()

    def _gather(self, timeout: float | None) -> float | None:
        """Let datagrams come; what is left of the time-out."""
        wait_s = self._woke_s + self._gather_s - time.monotonic()
        if wait_s <= 0:
            return timeout
        if timeout is not None and timeout <= wait_s:
            self._urgent.select(timeout)
            return 0
        if self._urgent.select(wait_s):
            return 0
        return None if timeout is None else timeout - wait_s


def _carries_datagrams(fd: int) -> bool:
    try:
        one = socket.socket(fileno=fd)
    except OSError:  # no socket
        return False
    try:
        return one.type is socket.SOCK_DGRAM
    finally:
        one.detach()
