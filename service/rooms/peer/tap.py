"""A receiver's packets as they arrive, in place of what aiortc would make of them.

`guard.py` brings them here; `private_names.py` lists what of aiortc this relies on.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Collection
from typing import Any

from aiortc import RTCRtpReceiver, RTCRtpTransceiver

from service.listening.packet import Packet
from service.rooms.peer.intake import CLOCK_HZ, Intake
from service.rooms.peer.private_names import find
from service.rooms.peer.rtp import level_id, parse

OPUS = "audio/opus"
_TAP = "_earshot_tap"
_OPUS_PARAMETERS = "useinbandfec=1;usedtx=1"
"""What the answer tells the sender we can receive: without it browsers send neither."""
_statistics: Any = find("aiortc.rtcrtpreceiver:StreamStatistics")


def only_opus(transceiver: RTCRtpTransceiver) -> None:
    """Otherwise aiortc answers with every codec it knows."""
    known = RTCRtpReceiver.getCapabilities("audio")
    opus = [codec for codec in known.codecs if codec.mimeType == OPUS] if known else []
    transceiver.setCodecPreferences(opus)


class Tap:
    """Hands a receiver's packets out in place of its own path; they are counted for its reports.

    The rest of that path would put them in order for a decoder once more. The decoder thread ends
    as soon as the receiver has started it: nobody reads its track, where what it decodes would
    pile up.

    Args:
        session: The SDP that was agreed on.
        wanted: Whether packets of an SSRC are this receiver's: aiortc gives one that it does not
            know to the only receiver it has.
        intake: What bounds them. A packet that it does not take is not counted as received: the
            sender is told of a loss.
    """

    def __init__(
        self,
        receiver: Any,
        session: str,
        on_packet: Callable[[Packet], None],
        wanted: Callable[[int], bool] = lambda ssrc: True,
        intake: Intake | None = None,
    ) -> None:
        self._types = _opus_types(session)
        self._level_id = level_id(session)
        self._on_packet = on_packet
        self._wanted = wanted
        self._intake = Intake() if intake is None else intake
        self._counted = receiver._RTCRtpReceiver__remote_streams
        self._now_s = asyncio.get_running_loop().time
        setattr(receiver, _TAP, self)
        receiver.receive = _undecoded(receiver)

    def fits(self, payload_type: int, ssrc: int) -> bool:
        """Whether a packet with this header is one of ours."""
        return payload_type in self._types and self._wanted(ssrc)

    def take(self, data: bytes) -> None:
        """Take a packet that fits.

        Raises:
            Malformed: it is none.
        """
        packet = parse(data, self._level_id)
        ssrc, now_s = packet.ssrc, self._now_s()
        if not self._intake.takes(ssrc, packet.timestamp, now_s):
            return
        if packet.payload:
            self._on_packet(
                Packet(
                    sequence=packet.sequence_number,
                    timestamp=packet.timestamp,
                    level=packet.level,
                    payload=packet.payload,
                    arrived_s=now_s,
                    ssrc=ssrc,
                )
            )
        if ssrc not in self._counted:
            self._counted[ssrc] = _statistics(CLOCK_HZ)
        self._counted[ssrc].add(packet)


def tap_of(receiver: Any) -> Tap | None:
    """The one that was put on this receiver."""
    found: Tap | None = getattr(receiver, _TAP, None)
    return found


def _opus_types(sdp: str) -> frozenset[int]:
    """The RTP payload types that stand for Opus."""
    return frozenset(map(int, re.findall(r"^a=rtpmap:(\d+) opus/", sdp, re.MULTILINE | re.I)))


def _undecoded(receiver: Any) -> Callable[[Any], Awaitable[None]]:
    receive = receiver.receive

    async def receive_undecoded(parameters: Any) -> None:
        await receive(parameters)
        receiver._handle_disconnect()

    return receive_undecoded


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
