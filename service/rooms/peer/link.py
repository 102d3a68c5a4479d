"""What every peer has: a connection that must come up in time, may end, and is closed for good."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection

_SETUP_S = 15.0
"""A peer that has not connected by then never will."""
_CLOSE_S = 5.0


class Link:
    """A connection without STUN or TURN servers: we are reached at our own addresses."""

    def __init__(self) -> None:
        self.connection = RTCPeerConnection(
            RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        )
        self._setup: asyncio.TimerHandle | None = None

    @property
    def connected(self) -> bool:
        return bool(self.connection.connectionState == "connected")

    def watch(
        self, on_ended: Callable[[str], None], on_connected: Callable[[], None] = lambda: None
    ) -> None:
        """Begin to wait for the connection.

        Args:
            on_ended: Called at most once, with a reason, when it ends by itself or never begins.
        """
        ended = False

        def end(reason: str) -> None:
            nonlocal ended
            if not ended:
                ended = True
                on_ended(reason)

        def changed() -> None:
            state = self.connection.connectionState
            if state == "connected" and self._setup is not None:
                self._setup.cancel()
                on_connected()
            elif state in ("failed", "closed"):
                end("the connection was lost")

        self.connection.on("connectionstatechange", changed)
        loop = asyncio.get_running_loop()
        self._setup = loop.call_later(_SETUP_S, end, "the connection was never made")
        changed()

    async def close(self) -> None:
        """Let go of everything; bounded, for aiortc's own close can hang."""
        if self._setup is not None:
            self._setup.cancel()
        self.connection.remove_all_listeners()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                await self.connection.close()
