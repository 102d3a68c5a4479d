"""What every peer has: a connection that must come up in time, may end, and is closed for good."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection

from service.listening.packet import Packet
from service.rooms.peer import replacements
from service.rooms.peer.contract import broken
from service.rooms.peer.poller import poller
from service.rooms.peer.private_names import Use
from service.rooms.peer.pulse import Pulse, until_gone
from service.rooms.peer.stock import read

log = structlog.get_logger()

_SETUP_S = 15.0
_CLOSE_S = 5.0

LOST = "the connection was lost"
NEVER_MADE = "the connection was never made"


async def _only_looks(datagrams: int) -> str:
    return ""


class Link:
    """A connection without STUN or TURN servers: we are reached at our own addresses.

    Args:
        setup_s: A peer that has not connected by then never will.
    """

    def __init__(self, *, setup_s: float = _SETUP_S) -> None:
        replacements.apply()
        self._setup_s = setup_s
        self.connection = RTCPeerConnection(
            RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        )
        self._setup: asyncio.TimerHandle | None = None
        self._watching: asyncio.Task[None] | None = None
        self._reading: list[asyncio.Task[None]] = []
        self._polled: list[asyncio.DatagramTransport] = []

    @property
    def connected(self) -> bool:
        return bool(self.connection.connectionState == "connected")

    def watch(
        self,
        on_ended: Callable[[str], None],
        on_connected: Callable[[], None] = lambda: None,
        look: Callable[[int], Awaitable[str]] = _only_looks,
    ) -> None:
        """Begin to wait for the connection.

        Args:
            on_ended: Called at most once, with a reason, when it ends by itself, never begins, or
                nobody is at its other side any more.
            look: Called twice a second while there is a connection, with the datagrams that came
                since the last time; a reason ends it.
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
                    self._watching = loop.create_task(self._until_gone(look, end), name="pulse")
                on_connected()
            elif state in ("failed", "closed"):
                end(LOST)

        self.connection.on("connectionstatechange", changed)
        loop = asyncio.get_running_loop()
        self._setup = loop.call_later(self._setup_s, end, NEVER_MADE)
        changed()

    def _poll(self) -> None:
        """What comes is read with what comes for others from now on."""
        transport: Any = self.connection.getTransceivers()[0].receiver.transport
        try:
            pairs = transport.transport._connection._nominated.values()
            sockets = [pair.protocol.transport for pair in pairs]
        except AttributeError:  # another aioice: asyncio goes on reading
            return
        for socket in sockets:
            if socket not in self._polled and poller().take(socket):
                self._polled.append(socket)

    async def _until_gone(
        self, look: Callable[[int], Awaitable[str]], end: Callable[[str], None]
    ) -> None:
        if broken({Use.PULSE}, self.connection.getTransceivers()[0].receiver):
            return  # aioice's own checks go on; the log said so at start
        pulse = Pulse(self.connection)
        try:
            end(await until_gone(pulse.received, pulse.answers, look))
        except Exception:  # of aioice, whose own checks go on
            log.exception("peer.pulse_failed")

    def listen(self, track: Any, on_packet: Callable[[Packet], None]) -> None:
        """Take a track's sound by aiortc's own path, where its packets cannot be had."""
        self._reading.append(asyncio.create_task(read(track, on_packet), name="stock path"))

    async def close(self) -> None:
        """Let go of everything; bounded, for aiortc's own close can hang."""
        if self._setup is not None:
            self._setup.cancel()
        for socket in self._polled:
            poller().release(socket)
        tasks = [*self._reading, *([self._watching] if self._watching else [])]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self.connection.remove_all_listeners()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                await self.connection.close()
