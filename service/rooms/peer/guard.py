"""What comes from the network, on its way to somebody's track: no datagram does harm.

Whoever can reach a peer's port may send to it; only part of that is encrypted and authenticated.

aiortc takes a datagram through four hands: it is tried as STUN, put into a queue, taken out by the
task of DTLS, decrypted and routed. That is how the first packets of a source come. Once it is known
whose they are, sound goes to its track at once (decision 0014).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from service.rooms.peer.intake import Unfit
from service.rooms.peer.private_names import find
from service.rooms.peer.rtp import HEADER_BYTES
from service.rooms.peer.tap import tap_of

LONGEST = 1500
"""Bytes of a datagram: more than that and pylibsrtp raises what aiortc does not expect."""
_MOST_DATAGRAMS = 1_000
"""That wait to be read, half a second of a hundred lines: whoever floods a transport that is not
connected yet fills no memory."""
_MALFORMED = (ValueError, LookupError, struct.error, AssertionError)
"""What the parsers of aiortc and aioice raise, and aioice on a check for another component."""
_ON_UNFIT = "_earshot_on_unfit"
_RTCP = range(192, 209)
"""What stands where RTP has its payload type, in reports (RFC 5761)."""

_packet_of_aiortc: Any = find("aiortc.rtp:RtpPacket")
_srtp_error: Any = find("pylibsrtp:Error")


def sorting(stun_received: Callable[..., None]) -> Callable[..., None]:
    """Make the method that replaces the one of aioice's sockets, which tries all as STUN.

    asyncio writes what that raises into the log, with every datagram.
    """

    def datagram_received(protocol: Any, data: bytes, addr: tuple[Any, ...]) -> None:
        try:
            if _is_rtp_or_rtcp(data):  # and no STUN
                protocol.receiver.data_received(data, protocol.local_candidate.component)
            else:
                stun_received(protocol, data, addr)
        except _MALFORMED:
            if on_unfit := getattr(protocol.receiver, _ON_UNFIT, None):
                on_unfit(Unfit.MALFORMED)

    return datagram_received


def guard(transport: Any, on_unfit: Callable[[Unfit], object]) -> None:
    """Let no datagram end the connection, nor fill memory: to be called before it is made.

    aiortc closes a transport on an empty datagram and on one that is too long, which anyone may
    send, and on a header extension of an odd length.
    """
    ice = transport.transport._connection
    queue, router = ice._queue, transport._rtp_router
    take_rtcp = transport._handle_rtcp_data

    def data_received(data: bytes | None, component: int) -> None:
        if not data or len(data) > LONGEST:
            if data is None:  # how older aioice says that the socket is closed
                queue.put_nowait((data, component))
            else:
                on_unfit(Unfit.MALFORMED)
        elif take_sound(data):
            pass
        elif queue.qsize() < _MOST_DATAGRAMS:
            queue.put_nowait((data, component))
        else:
            on_unfit(Unfit.RATE)

    def take_sound(data: bytes) -> bool:
        """Hand on what is known to be sound of one of our tracks; False where it is not."""
        session = transport._rx_srtp
        if session is None or len(data) < HEADER_BYTES or not _is_rtp_or_rtcp(data):
            return False
        if queue.qsize():  # what came before goes first
            return False
        ssrc = int.from_bytes(data[8:12], "big")
        tap = tap_of(router.ssrc_table.get(ssrc))
        if tap is None or data[1] in _RTCP or not tap.fits(data[1] & 0x7F, ssrc):
            return False
        transport._RTCDtlsTransport__rx_packets += 1
        transport._RTCDtlsTransport__rx_bytes += len(data)
        try:
            plain = session.unprotect(data)
        except _srtp_error:  # not the publisher's, or sent again
            return True
        tap.take(plain)
        return True

    async def handle_rtp(data: bytes, arrival_time_ms: int) -> None:
        """A source's first packets; from then on the router knows whose it is."""
        try:
            packet = _packet_of_aiortc.parse(data, transport._rtp_header_extensions_map)
            tap = tap_of(router.route_rtp(packet))
            if tap is None or not tap.fits(packet.payload_type, packet.ssrc):
                on_unfit(Unfit.STRAY)
            else:
                tap.take(data)
        except _MALFORMED:
            on_unfit(Unfit.MALFORMED)

    async def handle_rtcp(data: bytes) -> None:
        try:
            await take_rtcp(data)
        except _MALFORMED:
            on_unfit(Unfit.MALFORMED)

    setattr(ice, _ON_UNFIT, on_unfit)
    ice.data_received = data_received
    transport._handle_rtp_data = handle_rtp
    transport._handle_rtcp_data = handle_rtcp


def _is_rtp_or_rtcp(data: bytes) -> bool:
    """By its first byte (RFC 7983)."""
    return bool(data) and 127 < data[0] < 192
