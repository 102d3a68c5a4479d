"""Receiver of a simulated speaker's packets: an aiortc peer.

It is independent of the service's own receiver, so that it checks what the simulation really sends.
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
class ReceivedPacket:
    """An RTP packet and the monotonic time of its arrival."""

    timestamp: int
    sequence: int
    payload: bytes
    at_s: float


@dataclass
class Receiver:
    """Answers offers and records the packets of each connection.

    Attributes:
        refusals: HTTP statuses with which to refuse the next offers; 0: accept the offer.
        left: Locations of the sessions that the speaker ended.
    """

    refusals: list[int] = field(default_factory=list)
    calls: list[list[ReceivedPacket]] = field(default_factory=list)
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
        arrived: list[ReceivedPacket] = []
        self.calls.append(arrived)
        with gathering(loopback=True):
            await connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
            receiver: Any = connection.getReceivers()[0]  # its private method is wrapped
            receiver._handle_rtp_packet = _recording(arrived, receiver._handle_rtp_packet)
            await connection.setLocalDescription(await connection.createAnswer())
        location = f"/whip/lobby/{len(self.calls)}"
        return Answer(connection.localDescription.sdp, location)

    async def leave(self, location: str) -> None:
        self.left.append(location)

    async def hang_up(self) -> None:
        """Close every connection, as a server does when it stops properly."""
        connections, self._connections = self._connections, []
        await asyncio.gather(*(connection.close() for connection in connections))


def _recording(
    arrived: list[ReceivedPacket], handle: Callable[[RtpPacket, int], Awaitable[None]]
) -> Callable[[RtpPacket, int], Awaitable[None]]:
    async def record(packet: RtpPacket, arrival_time_ms: int) -> None:
        stamp, sequence = packet.timestamp, packet.sequence_number
        arrived.append(ReceivedPacket(stamp, sequence, packet.payload, time.monotonic()))
        await handle(packet, arrival_time_ms)

    return record
