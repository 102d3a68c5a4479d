"""Packets as they arrive: private methods of aiortc's receiver and transport are wrapped.

`contract.py` says what of aiortc this relies on.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Collection
from typing import Any

from aiortc import RTCRtpReceiver, RTCRtpTransceiver
from aiortc.rtcrtpreceiver import StreamStatistics

from service.listening.packet import Packet
from service.rooms.peer.intake import Intake

OPUS = "audio/opus"
_CLOCK_HZ = 48_000
_OPUS_PARAMETERS = "useinbandfec=1;usedtx=1"
"""What the answer tells the sender we can receive: without it browsers send neither."""


def only_opus(transceiver: RTCRtpTransceiver) -> None:
    """Otherwise aiortc answers with every codec it knows."""
    known = RTCRtpReceiver.getCapabilities("audio")
    opus = [codec for codec in known.codecs if codec.mimeType == OPUS] if known else []
    transceiver.setCodecPreferences(opus)


def opus_types(sdp: str) -> frozenset[int]:
    """The RTP payload types that stand for Opus."""
    return frozenset(map(int, re.findall(r"^a=rtpmap:(\d+) opus/", sdp, re.MULTILINE | re.I)))


def tap(
    receiver: Any,
    types: frozenset[int],
    on_packet: Callable[[Packet], None],
    wanted: Callable[[int], bool] = lambda ssrc: True,
    intake: Intake | None = None,
) -> None:
    """Hand packets out in place of the receiver's own path; they are counted for its reports.

    The rest of that path would put them in order for a decoder once more. The decoder thread ends
    as soon as the receiver has started it: nobody reads its track, where what it decodes would
    pile up.

    Args:
        wanted: Whether packets of an SSRC are this receiver's: aiortc gives one that it does not
            know to the only receiver it has.
        intake: What bounds them. A packet that it does not take is not counted as received: the
            sender is told of a loss.
    """
    bounds = Intake() if intake is None else intake
    take, receive = receiver._handle_rtp_packet, receiver.receive
    counted = receiver._RTCRtpReceiver__remote_streams
    loop = asyncio.get_running_loop()

    async def tapped(packet: Any, arrival_time_ms: int) -> None:
        if packet.payload and packet.payload_type in types and wanted(packet.ssrc):
            now_s = loop.time()
            if not bounds.takes(packet.ssrc, packet.timestamp, now_s):
                return
            level = packet.extensions.audio_level
            on_packet(
                Packet(
                    sequence=packet.sequence_number,
                    timestamp=packet.timestamp,
                    level=level[1] if level else None,
                    payload=packet.payload,
                    arrived_s=now_s,
                    ssrc=packet.ssrc,
                )
            )
            if packet.ssrc not in counted:
                counted[packet.ssrc] = StreamStatistics(_CLOCK_HZ)
            counted[packet.ssrc].add(packet)
        else:
            await take(packet, arrival_time_ms=arrival_time_ms)

    async def receive_undecoded(parameters: Any) -> None:
        await receive(parameters)
        receiver._handle_disconnect()

    receiver._handle_rtp_packet = tapped
    receiver.receive = receive_undecoded


def route(receiver: Any, ssrcs: Collection[int]) -> None:
    """Let these SSRCs, and no others, come to the receiver.

    aiortc learns a receiver's SSRCs when it starts, and never again: a line that is used for
    somebody else has another, whose packets would be dropped. It reports on all that a line ever
    had, and no report has room for more than 31.
    """
    table = receiver.transport._rtp_router.ssrc_table
    for ssrc in [ssrc for ssrc, owner in table.items() if owner is receiver]:
        del table[ssrc]
    table.update(dict.fromkeys(ssrcs, receiver))
    reported = receiver._RTCRtpReceiver__remote_streams
    for ssrc in [ssrc for ssrc in reported if ssrc not in ssrcs]:
        del reported[ssrc]


async def packets_sent(receiver: Any) -> int | None:
    """How many packets the sender's last report says it has sent; None where none has come."""
    for stats in (await receiver.getStats()).values():
        if stats.type == "remote-outbound-rtp":
            return int(stats.packetsSent)
    return None


def with_opus_parameters(sdp: str) -> str:
    """The answer with `a=fmtp` for Opus, which aiortc leaves out."""
    return re.sub(
        r"(a=rtpmap:(\d+) opus/48000/2\r\n)(?!a=fmtp)",
        rf"\1a=fmtp:\2 {_OPUS_PARAMETERS}\r\n",
        sdp,
        flags=re.I,
    )
