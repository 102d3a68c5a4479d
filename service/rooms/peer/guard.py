"""Guard between the network and the tracks: no datagram does harm.

Anyone who can reach a peer's port may send to it. Only some datagrams are encrypted and
authenticated.

aiortc handles a datagram in four steps: it tries it as STUN, queues it, decrypts it in the task of
DTLS, and routes it. The first packets of a source come this way. Once its track is known, its
packets go to the track at once (decision 0014).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from service.rooms.peer.intake import Unfit
from service.rooms.peer.poller import get_poller
from service.rooms.peer.private_names import resolve_name
from service.rooms.peer.rtp import HEADER_BYTES
from service.rooms.peer.tap import tap_of

LONGEST = 1500
"""Most bytes of a datagram. On longer ones pylibsrtp raises an error unknown to aiortc."""
_MOST_DATAGRAMS = 1_000
"""Most datagrams in the queue, half a second of a hundred lines: a flood of a transport that is not
connected yet cannot fill memory."""
_MALFORMED = (ValueError, LookupError, struct.error, AssertionError)
"""Errors of the parsers of aiortc and aioice, and of aioice on a check for another component."""
_ON_UNFIT = "_earshot_on_unfit"
_RTCP = range(192, 209)
"""Second byte of RTCP packets, where RTP has its payload type (RFC 5761)."""

_packet_of_aiortc: Any = resolve_name("aiortc.rtp:RtpPacket")
_srtp_error: Any = resolve_name("pylibsrtp:Error")


def sort_datagrams(stun_received: Callable[..., None]) -> Callable[..., None]:
    """Make the replacement of the method of aioice's sockets, which tries every datagram as STUN.

    That method raises on other datagrams, and asyncio logs each error.
    """

    def datagram_received(protocol: Any, data: bytes, addr: tuple[Any, ...]) -> None:
        try:
            if _is_rtp_or_rtcp(data):  # not STUN
                protocol.receiver.data_received(data, protocol.local_candidate.component)
            else:
                stun_received(protocol, data, addr)
        except _MALFORMED:
            if on_unfit := getattr(protocol.receiver, _ON_UNFIT, None):
                on_unfit(Unfit.MALFORMED)

    return datagram_received


def guard_transport(transport: Any, on_unfit: Callable[[Unfit], object]) -> None:
    """Keep datagrams from ending the connection or filling memory. Call it before connecting.

    aiortc closes a transport on an empty datagram and on an overlong one, which anyone may send,
    and on a header extension of an odd length.
    """
    ice = transport.transport._connection
    queue, router = ice._queue, transport._rtp_router
    handle_rtcp_of_aiortc = transport._handle_rtcp_data
    arrival_s = get_poller().arrival_s
    rtp_waits = False  # some datagram in the queue is not RTCP
    queued_s = 0.0  # arrival of the last datagram in the queue

    def data_received(data: bytes | None, component: int) -> None:
        nonlocal rtp_waits, queued_s
        if not data or len(data) > LONGEST:
            if data is None:  # older aioice: the socket is closed
                queue.put_nowait((data, component))
            else:
                on_unfit(Unfit.MALFORMED)
        elif deliver_to_track(data):
            pass
        elif queue.qsize() < _MOST_DATAGRAMS:
            queued_s = arrival_s()
            rtp_waits = rtp_waits or len(data) < HEADER_BYTES or data[1] not in _RTCP
            queue.put_nowait((data, component))
        else:
            on_unfit(Unfit.RATE)

    def deliver_to_track(data: bytes) -> bool:
        """Deliver a packet of a known track; False where the datagram is not one."""
        nonlocal rtp_waits
        session = transport._rx_srtp
        if session is None or len(data) < HEADER_BYTES or not _is_rtp_or_rtcp(data):
            return False
        if not queue.qsize():
            rtp_waits = False
        elif rtp_waits:  # earlier packets go first; reports may be late
            return False
        ssrc = int.from_bytes(data[8:12], "big")
        tap = tap_of(router.ssrc_table.get(ssrc))
        if tap is None or data[1] in _RTCP or not tap.fits(data[1] & 0x7F, ssrc):
            return False
        transport._RTCDtlsTransport__rx_packets += 1
        transport._RTCDtlsTransport__rx_bytes += len(data)
        try:
            plain = session.unprotect(data)
        except _srtp_error:  # not from the publisher, or a repetition
            return True
        tap.receive_packet(plain)
        return True

    async def handle_rtp(data: bytes, arrival_time_ms: int) -> None:
        """Handle the first packets of a source; from then on the router knows its track."""
        try:
            packet = _packet_of_aiortc.parse(data, transport._rtp_header_extensions_map)
            tap = tap_of(router.route_rtp(packet))
            if tap is None or not tap.fits(packet.payload_type, packet.ssrc):
                on_unfit(Unfit.STRAY)
            else:
                tap.receive_packet(data, queued_s)
        except _MALFORMED:
            on_unfit(Unfit.MALFORMED)

    async def handle_rtcp(data: bytes) -> None:
        try:
            await handle_rtcp_of_aiortc(data)
        except _MALFORMED:
            on_unfit(Unfit.MALFORMED)

    setattr(ice, _ON_UNFIT, on_unfit)
    ice.data_received = data_received
    transport._handle_rtp_data = handle_rtp
    transport._handle_rtcp_data = handle_rtcp


def _is_rtp_or_rtcp(data: bytes) -> bool:
    """Tell by the first byte (RFC 7983)."""
    return bool(data) and 127 < data[0] < 192
