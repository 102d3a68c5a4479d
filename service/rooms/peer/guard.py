"""What comes from the network, before it is anybody's sound: no datagram does harm.

Whoever can reach a peer's port may send to it; only part of that is encrypted and authenticated.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import aioice.ice
from aiortc.rtp import RtpPacket

from service.rooms.peer.intake import Unfit

_MOST_DATAGRAMS = 1_000
"""That wait to be read, half a second of a hundred lines: whoever floods a transport that is not
connected yet fills no memory."""
_MALFORMED = (ValueError, LookupError, struct.error)
"""What the parsers of aiortc and aioice raise."""
_ON_UNFIT = "_earshot_on_unfit"

_protocol: Any = aioice.ice.StunProtocol
_stun_received = _protocol.datagram_received


def _datagram_received(self: Any, data: bytes, addr: tuple[Any, ...]) -> None:
    """asyncio writes what this raises into the log, with every datagram."""
    try:
        _stun_received(self, data, addr)
    except _MALFORMED:
        if on_unfit := getattr(self.receiver, _ON_UNFIT, None):
            on_unfit(Unfit.MALFORMED)


_protocol.datagram_received = _datagram_received


def guard(transport: Any, on_unfit: Callable[[Unfit], object]) -> None:
    """Let no datagram end the connection, nor fill memory: to be called before it is made.

    aiortc closes a transport on an empty datagram, which anyone may send, and on a header extension
    of an odd length.
    """
    ice = transport.transport._connection
    queue, router = ice._queue, transport._rtp_router
    take_rtcp = transport._handle_rtcp_data

    def data_received(data: bytes, component: int) -> None:
        if data and queue.qsize() < _MOST_DATAGRAMS:
            queue.put_nowait((data, component))
        else:
            on_unfit(Unfit.MALFORMED if not data else Unfit.RATE)

    async def handle_rtp(data: bytes, arrival_time_ms: int) -> None:
        try:
            packet = RtpPacket.parse(data, transport._rtp_header_extensions_map)
        except _MALFORMED:
            on_unfit(Unfit.MALFORMED)
            return
        receiver = router.route_rtp(packet)
        if receiver is None:
            on_unfit(Unfit.STRAY)
            return
        await receiver._handle_rtp_packet(packet, arrival_time_ms=arrival_time_ms)

    async def handle_rtcp(data: bytes) -> None:
        try:
            await take_rtcp(data)
        except _MALFORMED:
            on_unfit(Unfit.MALFORMED)

    setattr(ice, _ON_UNFIT, on_unfit)
    ice.data_received = data_received
    transport._handle_rtp_data = handle_rtp
    transport._handle_rtcp_data = handle_rtcp
