"""The other end of a simulated speaker: an aiortc peer, and around it a small server.

Built on aiortc and Starlette alone, so that what the simulation sends is seen by eyes that are not
the service's own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.rtp import RtpPacket

from service.simulation.failed import Refused
from service.simulation.publisher import Answer, gathering


@dataclass(frozen=True, slots=True)
class Arrived:
    """An RTP packet and when it came, on the monotonic clock."""

    timestamp: int
    sequence: int
    payload: bytes
    at_s: float


@dataclass
class Receiver:
    """Answers offers and keeps what arrives, connection by connection.

    Attributes:
        refusals: HTTP statuses to refuse the next offers with, 0: take it.
    """

    refusals: list[int] = field(default_factory=list)
    calls: list[list[Arrived]] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    offers: list[str] = field(default_factory=list)
    _connections: list[RTCPeerConnection] = field(default_factory=list)

    async def publish(self, offer: str) -> Answer:
        self.offers.append(offer)
        status = self.refusals.pop(0) if self.refusals else 0
        if status:
            raise Refused("take an offer", status, "as the test wants it")
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._connections.append(connection)
        arrived: list[Arrived] = []
        self.calls.append(arrived)
        with gathering(loopback=True):
            await connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
            receiver: Any = connection.getReceivers()[0]  # whose private method is wrapped
            receiver._handle_rtp_packet = _keeping(arrived, receiver._handle_rtp_packet)
            await connection.setLocalDescription(await connection.createAnswer())
        location = f"/whip/lobby/{len(self.calls)}"
        return Answer(connection.localDescription.sdp, location)

    async def leave(self, location: str) -> None:
        self.left.append(location)

    async def hang_up(self) -> None:
        """Close every connection, as a server does that goes away in good order."""
        connections, self._connections = self._connections, []
        await asyncio.gather(*(connection.close() for connection in connections))


def _keeping(
    arrived: list[Arrived], handle: Callable[[RtpPacket, int], Awaitable[None]]
) -> Callable[[RtpPacket, int], Awaitable[None]]:
    async def keep(packet: RtpPacket, arrival_time_ms: int) -> None:
        stamp, sequence = packet.timestamp, packet.sequence_number
        arrived.append(Arrived(stamp, sequence, packet.payload, time.monotonic()))
        await handle(packet, arrival_time_ms)

    return keep
