"""A simulated speaker's connection, which publishes packets. The simulation's only aiortc import.

aiortc's own encoder offers neither FEC nor DTX, so its track gets packets instead of frames.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

import aioice
import aiortc
from aiortc import (
    InvalidAccessError,
    InvalidStateError,
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)

from service.simulation.failed import Refused, SimulationFailed
from service.simulation.voice import SAMPLE_RATE, VoicePacket, av_packet

_CONNECT_S = 15.0
_SILENT_SERVER_S = 5.0
"""Time without a receiver report after which the server is gone. One comes about every second."""
_LEAVE_S = 1.0
_BACK_OFF_S = (0.25, 0.5, 1.0, 2.0)
PATIENCE_S = 30.0
"""Longest time without an answer of the server before the simulation fails, in seconds."""

_OPERATION: Any = getattr(getattr(aiortc, "exceptions", None), "OperationError", RuntimeError)
_AIORTC = (InvalidAccessError, InvalidStateError, _OPERATION)
_ODD_ANSWER = (ValueError, LookupError, AssertionError, AttributeError, TypeError, *_AIORTC)
"""Errors that aiortc raises on an odd answer."""

_loopback_only: ContextVar[bool] = ContextVar("_loopback_only", default=False)
_ice: Any = getattr(aioice, "ice", None)
_host_addresses_before: Callable[[bool, bool], list[str]] | None = getattr(
    _ice, "get_host_addresses", None
)


def _host_addresses(use_ipv4: bool, use_ipv6: bool) -> list[str]:
    """Replace aioice's function, which omits 127.0.0.1: a server bound to it needs it."""
    if _loopback_only.get() or _host_addresses_before is None:
        return ["127.0.0.1"]
    return _host_addresses_before(use_ipv4, use_ipv6)


if _host_addresses_before is not None:
    _ice.get_host_addresses = _host_addresses


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer of an endpoint to an offer: its SDP, and the URL to leave by."""

    sdp: str
    location: str


class Endpoint(Protocol):
    """Endpoint of a room for one speaker: WHIP (RFC 9725) or Janus."""

    async def publish(self, offer: str) -> Answer:
        """Send an offer. Raises `Refused`, or `SimulationFailed` where no answer came at all."""
        ...

    async def leave(self, location: str) -> None: ...


class ScriptStart:
    """Start of a script, the same for all its speakers. It is known once they are connected."""

    def __init__(self) -> None:
        self._announced = asyncio.Event()
        self.at_s = 0.0

    def announce(self, at_s: float) -> None:
        """
        Args:
            at_s: Monotonic time of the start.
        """
        self.at_s = at_s
        self._announced.set()

    async def wait(self) -> float:
        """Wait until the start is announced, and return its monotonic time."""
        await self._announced.wait()
        return self.at_s


class Publisher:
    """Keeps a speaker connected and sends each packet at its time.

    Without a connection the script's time runs on, as a person would go on talking.

    Attributes:
        connected: Set while there is a connection.
        connections: Number of connections so far.

    Args:
        on_sent: Called with a packet's `pts` and the monotonic time as it is sent.
        loopback: Gather candidates on 127.0.0.1 only; see `is_loopback`.
        patience_s: Longest time without a connection before the speaker gives up, in seconds.
    """

    def __init__(
        self,
        packets: Sequence[VoicePacket],
        endpoint: Endpoint,
        script_start: ScriptStart,
        on_sent: Callable[[int, float], None],
        *,
        loopback: bool,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._packets = packets
        self._endpoint = endpoint
        self._script_start = script_start
        self._on_sent = on_sent
        self._loopback = loopback
        self._patience_s = patience_s
        self.connected = asyncio.Event()
        self.connections = 0

    async def run(self) -> None:
        """Publish until cancelled.

        Raises:
            SimulationFailed: The server refused the first offer, or could not be reached for long.
        """
        _check_loopback(self._loopback)
        failures, failing_since_s = 0, time.monotonic()
        while True:
            before = self.connections
            try:
                await self._publish_once()
            except SimulationFailed as failed:
                hopeless = isinstance(failed, Refused) and failed.status < 500
                too_long = failures and time.monotonic() - failing_since_s > self._patience_s
                if too_long or (hopeless and self.connections == 0):
                    raise
            if self.connections > before:
                failing_since_s = time.monotonic()
            failures = 0 if self.connections > before else failures + 1
            await asyncio.sleep(_BACK_OFF_S[min(failures, len(_BACK_OFF_S) - 1)])

    async def _publish_once(self) -> None:
        """Connect, and return once the connection has been lost."""
        configuration = RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        connection = RTCPeerConnection(configuration)
        changed = asyncio.Event()
        connection.on("connectionstatechange", changed.set)
        location: str | None = None
        try:
            track = VoiceTrack(self._packets, self._script_start, self._on_sent)
            sender = connection.addTransceiver(track, direction="sendonly").sender
            with gathering(loopback=self._loopback):
                await connection.setLocalDescription(await connection.createOffer())
            answer = await self._endpoint.publish(connection.localDescription.sdp)
            location = answer.location
            await _apply_answer(connection, answer)
            await _until_connected(connection, changed)
            self.connections += 1
            self.connected.set()
            await _until_lost(connection, changed, sender)
        finally:
            self.connected.clear()
            connection.remove_all_listeners()
            await self._leave(connection, location)

    async def _leave(self, connection: RTCPeerConnection, location: str | None) -> None:
        with contextlib.suppress(SimulationFailed, TimeoutError):
            async with asyncio.timeout(_LEAVE_S):
                if location is not None:
                    await self._endpoint.leave(location)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LEAVE_S):
                await connection.close()


class VoiceTrack(MediaStreamTrack):
    """Track that gives out packets at their times, on one schedule, so that lateness never adds up.

    Args:
        on_sent: Called with a packet's `pts` and the time as it is given out.
        now_s, sleep: Clock in seconds, and a function that waits on it.
    """

    kind = "audio"

    def __init__(
        self,
        packets: Sequence[VoicePacket],
        script_start: ScriptStart,
        on_sent: Callable[[int, float], None],
        *,
        now_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        super().__init__()
        self._now_s = now_s
        self._sleep = sleep
        self._packets = packets
        self._script_start = script_start
        self._on_sent = on_sent
        self._next: int | None = None

    async def recv(self) -> Any:
        """Return the next packet when it is due. aiortc sends it before the next call."""
        start = await self._script_start.wait()
        if self._next is None:
            now_pts = (self._now_s() - start) * SAMPLE_RATE
            missed = (packet.pts < now_pts - SAMPLE_RATE // 10 for packet in self._packets)
            self._next = sum(missed)
        if self._next >= len(self._packets):
            await asyncio.Event().wait()  # no packet is left; aiortc cancels this on close
        packet = self._packets[self._next]
        self._next += 1
        due = start + packet.pts / SAMPLE_RATE
        if (left_s := due - self._now_s()) > 0:
            await self._sleep(left_s)
        self._on_sent(packet.pts, self._now_s())
        return av_packet(packet)


def is_loopback(url: str) -> bool:
    """Tell whether a URL names this machine by a loopback address."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextlib.contextmanager
def gathering(*, loopback: bool) -> Iterator[None]:
    """Make aioice gather candidates on 127.0.0.1 only, inside the context and if `loopback`.

    Raises:
        SimulationFailed: This version of aioice cannot do so.
    """
    _check_loopback(loopback)
    token = _loopback_only.set(loopback)
    try:
        yield
    finally:
        _loopback_only.reset(token)


def _check_loopback(loopback: bool) -> None:
    if loopback and _host_addresses_before is None:
        raise SimulationFailed(
            "this aioice has no aioice.ice.get_host_addresses, so that nothing can be published "
            "over loopback; install aioice 0.13"
        )


async def _apply_answer(connection: RTCPeerConnection, answer: Answer) -> None:
    try:
        await connection.setRemoteDescription(RTCSessionDescription(answer.sdp, "answer"))
    except _ODD_ANSWER as error:
        raise SimulationFailed(
            f"the answer of {answer.location} is not an SDP answer to the offer "
            f"({type(error).__name__}); is it a WHIP endpoint?"
        ) from error


async def _until_connected(connection: RTCPeerConnection, changed: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(_CONNECT_S):
            while connection.connectionState != "connected":
                if connection.connectionState in ("failed", "closed"):
                    raise SimulationFailed(
                        "the media connection failed; can UDP pass to the server?"
                    )
                changed.clear()
                await changed.wait()
    except TimeoutError as error:
        raise SimulationFailed(
            f"no media connection within {_CONNECT_S:.0f} s; can UDP pass to the server?"
        ) from error


async def _until_lost(
    connection: RTCPeerConnection, changed: asyncio.Event, sender: RTCRtpSender
) -> None:
    """Wait until the connection ends, or a server that sent reports stops sending them."""
    received, silent_s = 0, 0.0
    while connection.connectionState == "connected" and silent_s < _SILENT_SERVER_S:
        changed.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await changed.wait()
        now_received = await _packets_received(sender)
        silent_s = silent_s + 1.0 if received and now_received == received else 0.0
        received = now_received


async def _packets_received(sender: RTCRtpSender) -> int:
    report = await sender.getStats()
    return sum(stats.packetsReceived for stats in report.values() if stats.type == "transport")
