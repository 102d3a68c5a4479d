"""Link of every peer: a connection that must come up in time, may end, and is closed for good."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection

from service.beat import sleep_awake
from service.listening.packet import Packet
from service.rooms.peer.contract import find_faults
from service.rooms.peer.poller import get_poller
from service.rooms.peer.private_names import Use
from service.rooms.peer.pulse import Pulse, until_gone
from service.rooms.peer.replacements import apply_replacements
from service.rooms.peer.stock import reencode_track

log = structlog.get_logger()

_SETUP_S = 15.0
_CLOSE_S = 5.0

LOST = "the connection was lost"
NEVER_MADE = "the connection was never made"


async def _no_check(datagrams: int) -> str:
    return ""


class Link:
    """A connection without STUN or TURN servers: peers reach us at our own addresses.

    Args:
        setup_s: Longest time to connect, in seconds.
    """

    def __init__(self, *, setup_s: float = _SETUP_S) -> None:
        apply_replacements()
        self._setup_s = setup_s
        self.connection = RTCPeerConnection(
            RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        )
        self._setup: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._reading: list[asyncio.Task[None]] = []
        self._polled: list[asyncio.DatagramTransport] = []
        self.dropped_s = 0.0
        """Time at which it was last noticed that the kernel dropped datagrams; 0.0: never. Known
        once the link is closed."""

    @property
    def connected(self) -> bool:
        return bool(self.connection.connectionState == "connected")

    def watch(
        self,
        on_ended: Callable[[str], None],
        on_connected: Callable[[], None] = lambda: None,
        check: Callable[[int], Awaitable[str]] = _no_check,
    ) -> None:
        """Begin to wait for the connection.

        Args:
            on_ended: Called at most once, with a reason, when the connection ends by itself, is
                never established, or its other side is gone.
            check: Called twice a second while connected, with the number of datagrams since the
                last call. If it returns a reason, the connection ends.
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
                self._poll()
                if self._watching is None:
                    self._watching = loop.create_task(self._until_gone(check, end), name="pulse")
                on_connected()
            elif state in ("failed", "closed"):
                end(LOST)

        self.connection.on("connectionstatechange", changed)
        loop = asyncio.get_running_loop()
        self._setup = loop.create_task(self._until_overdue(end), name="peer set-up")
        changed()

    async def _until_overdue(self, end: Callable[[str], None]) -> None:
        await sleep_awake(self._setup_s)
        end(NEVER_MADE)

    def _poll(self) -> None:
        """Read the datagrams together with those of other connections from now on."""
        transport: Any = self.connection.getTransceivers()[0].receiver.transport
        try:
            pairs = transport.transport._connection._nominated.values()
            sockets = [pair.protocol.transport for pair in pairs]
        except AttributeError:  # another version of aioice: asyncio goes on reading
            return
        for socket in sockets:
            if socket not in self._polled and get_poller().add_transport(socket):
                self._polled.append(socket)

    async def _until_gone(
        self, check: Callable[[int], Awaitable[str]], end: Callable[[str], None]
    ) -> None:
        if find_faults({Use.PULSE}, self.connection.getTransceivers()[0].receiver):
            return  # aioice's own checks go on; the log said so at start
        pulse = Pulse(self.connection)
        try:
            end(await until_gone(pulse.count_datagrams, pulse.ask_consent, check))
        except Exception:  # an error of aioice; its own checks go on
            log.exception("peer.pulse_failed")

    def listen(self, track: Any, on_packet: Callable[[Packet], None]) -> None:
        """Receive a track by aiortc's own path, where its packets cannot be taken."""
        self._reading.append(
            asyncio.create_task(reencode_track(track, on_packet), name="stock path")
        )

    async def close(self) -> None:
        """Close the connection in bounded time: aiortc's own close can hang."""
        for socket in self._polled:
            self.dropped_s = max(self.dropped_s, get_poller().remove_transport(socket))
        tasks = [*self._reading, *(task for task in (self._setup, self._watching) if task)]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self.connection.remove_all_listeners()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                await self.connection.close()
