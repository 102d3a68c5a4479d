"""A simulated speaker's connection: publishes packets by WHIP. The simulation's only aiortc import.

aiortc's own encoder offers neither FEC nor DTX, so its track is given packets, not frames.
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
"""Receiver reports come about once a second; without any for so long the server is gone."""
_LEAVE_S = 1.0
_BACK_OFF_S = (0.25, 0.5, 1.0, 2.0)
PATIENCE_S = 30.0
"""Longest time without an answer of the server before the simulation fails."""

_OPERATION: Any = getattr(getattr(aiortc, "exceptions", None), "OperationError", RuntimeError)
_AIORTC = (InvalidAccessError, InvalidStateError, _OPERATION)
_ODD_ANSWER = (ValueError, LookupError, AssertionError, AttributeError, TypeError, *_AIORTC)
"""What aiortc raises on one."""

_loopback_only: ContextVar[bool] = ContextVar("_loopback_only", default=False)
_ice: Any = getattr(aioice, "ice", None)
_host_addresses_before: Callable[[bool, bool], list[str]] | None = getattr(
    _ice, "get_host_addresses", None
)


def _host_addresses(use_ipv4: bool, use_ipv6: bool) -> list[str]:
    """aioice hides 127.0.0.1, which is all that a server bound to it can be reached from."""
    if _loopback_only.get() or _host_addresses_before is None:
        return ["127.0.0.1"]
    return _host_addresses_before(use_ipv4, use_ipv6)


if _host_addresses_before is not None:
    _ice.get_host_addresses = _host_addresses


@dataclass(frozen=True, slots=True)
class Answer:
    """What a WHIP endpoint says to an offer: its SDP, and the URL to DELETE on leaving."""

    sdp: str
    location: str


class Endpoint(Protocol):
    """One speaker's way to the WHIP endpoint of a room (RFC 9725)."""

    async def publish(self, offer: str) -> Answer:
        """Raises `Refused`, or `SimulationFailed` where no answer came at all."""
        ...

    async def leave(self, location: str) -> None: ...


class Curtain:
    """The instant at which a script starts, for all its speakers; known once they are connected."""

    def __init__(self) -> None:
        self._up = asyncio.Event()
        self.at_s = 0.0

    def rise(self, at_s: float) -> None:
        """Args: at_s: In seconds of the monotonic clock."""
        self.at_s = at_s
        self._up.set()

    async def risen(self) -> float:
        await self._up.wait()
        return self.at_s


class Publisher:
    """Keeps a speaker connected and sends each packet at its time.

    While there is no connection the script's time runs on: a person goes on talking.

    Args:
        on_sent: Called with a packet's `pts` and the monotonic time as it is sent.
        loopback: Gather candidates on 127.0.0.1 only; see `is_loopback`.
        patience_s: Longest time without a connection before the speaker gives up.
    """

    def __init__(
        self,
        packets: Sequence[VoicePacket],
        endpoint: Endpoint,
        curtain: Curtain,
        on_sent: Callable[[int, float], None],
        *,
        loopback: bool,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._packets = packets
        self._endpoint = endpoint
        self._curtain = curtain
        self._on_sent = on_sent
        self._loopback = loopback
        self._patience_s = patience_s
        self.connected = asyncio.Event()
        self.connections = 0

    async def run(self) -> None:
        """Publish until cancelled.

        Raises:
            SimulationFailed: the server refused the first offer, or could not be reached for long.
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
        """Returns once an established connection has been lost."""
        configuration = RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        connection = RTCPeerConnection(configuration)
        changed = asyncio.Event()
        connection.on("connectionstatechange", changed.set)
        location: str | None = None
        try:
            track = VoiceTrack(self._packets, self._curtain, self._on_sent)
            sender = connection.addTransceiver(track, direction="sendonly").sender
            with gathering(loopback=self._loopback):
                await connection.setLocalDescription(await connection.createOffer())
            answer = await self._endpoint.publish(connection.localDescription.sdp)
            location = answer.location
            await _take_answer(connection, answer)
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
    """Packets given out at their times against one schedule, so that lateness never adds up.

    Args:
        on_sent: Called with a packet's `pts` and the time as it is given out.
        now_s, sleep: The clock, in seconds, and a way to wait on it.
    """

    kind = "audio"

    def __init__(
        self,
        packets: Sequence[VoicePacket],
        curtain: Curtain,
        on_sent: Callable[[int, float], None],
        *,
        now_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        super().__init__()
        self._now_s = now_s
        self._sleep = sleep
        self._packets = packets
        self._curtain = curtain
        self._on_sent = on_sent
        self._next: int | None = None

    async def recv(self) -> Any:
        """aiortc sends what this returns before it asks again."""
        start = await self._curtain.risen()
        if self._next is None:
            now_pts = (self._now_s() - start) * SAMPLE_RATE
            missed = (packet.pts < now_pts - SAMPLE_RATE // 10 for packet in self._packets)
            self._next = sum(missed)
        if self._next >= len(self._packets):
            await asyncio.Event().wait()  # nothing more to say; aiortc cancels this on close
        packet = self._packets[self._next]
        self._next += 1
        due = start + packet.pts / SAMPLE_RATE
        if (left_s := due - self._now_s()) > 0:
            await self._sleep(left_s)
        self._on_sent(packet.pts, self._now_s())
        return av_packet(packet)


def is_loopback(url: str) -> bool:
    """The server at this URL is on this machine, by an address that only this machine has."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextlib.contextmanager
def gathering(*, loopback: bool) -> Iterator[None]:
    """Inside, aioice gathers candidates on 127.0.0.1 only, if `loopback`.

    Raises:
        SimulationFailed: this aioice cannot be told to.
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


async def _take_answer(connection: RTCPeerConnection, answer: Answer) -> None:
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
    """Returns when the connection ends, or when a server that sent reports sends none any more."""
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
