"""Tap of a receiver: its packets as they arrive, in place of aiortc's own receive path.

`guard.py` brings the packets here. `private_names.py` lists the parts of aiortc that this relies
on.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection
from typing import Any

from aiortc import RTCRtpReceiver, RTCRtpTransceiver

from service.listening.packet import Packet
from service.rooms.peer.intake import CLOCK_HZ, Intake
from service.rooms.peer.poller import get_poller
from service.rooms.peer.private_names import resolve_name
from service.rooms.peer.rtp import parse_level_id, parse_packet

OPUS = "audio/opus"
_TAP = "_earshot_tap"
_OPUS_PARAMETERS = "useinbandfec=1;usedtx=1"
"""Parameters that the answer offers: without them browsers use neither FEC nor DTX."""
_statistics: Any = resolve_name("aiortc.rtcrtpreceiver:StreamStatistics")


def allow_only_opus(transceiver: RTCRtpTransceiver) -> None:
    """Answer with Opus alone. By default aiortc answers with every codec it knows."""
    known = RTCRtpReceiver.getCapabilities("audio")
    opus = [codec for codec in known.codecs if codec.mimeType == OPUS] if known else []
    transceiver.setCodecPreferences(opus)


class Tap:
    """Passes a receiver's packets on, in place of its own path, and counts them for its reports.

    The rest of that path would put them in order for a decoder once more. The decoder thread ends
    as soon as the receiver has started it: nobody reads its track, where decoded sound would pile
    up.

    Args:
        session: SDP that was agreed on.
        wanted: Tells whether an SSRC belongs to this receiver: aiortc routes an unknown one to its
            only receiver.
        intake: Admits the packets. A packet that it refuses does not count as received, so the
            sender's reports show a loss.
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
        self._level_id = parse_level_id(session)
        self._on_packet = on_packet
        self._wanted = wanted
        self._intake = Intake() if intake is None else intake
        self._counted = receiver._RTCRtpReceiver__remote_streams
        self._arrival_s = get_poller().arrival_s
        self._last_s = 0.0
        setattr(receiver, _TAP, self)
        receiver.receive = _undecoded(receiver)

    def fits(self, payload_type: int, ssrc: int) -> bool:
        """Tell whether a packet with this header belongs to the track."""
        return payload_type in self._types and self._wanted(ssrc)

    def receive_packet(self, data: bytes, arrived_s: float | None = None) -> None:
        """Receive a decrypted packet that fits.

        Args:
            arrived_s: Time of its arrival, in monotonic seconds; None: it is delivered now.

        Raises:
            Malformed: This is not an RTP packet.
        """
        packet = parse_packet(data, self._level_id)
        ssrc = packet.ssrc
        now_s = self._last_s = max(
            self._last_s, self._arrival_s() if arrived_s is None else arrived_s
        )
        if not self._intake.admit(ssrc, packet.timestamp, now_s):
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
    """Return the receiver's tap, if it has one."""
    tap: Tap | None = getattr(receiver, _TAP, None)
    return tap


def _opus_types(sdp: str) -> frozenset[int]:
    """Return the RTP payload types of Opus."""
    return frozenset(map(int, re.findall(r"^a=rtpmap:(\d+) opus/", sdp, re.MULTILINE | re.I)))


def _undecoded(receiver: Any) -> Callable[[Any], Awaitable[None]]:
    receive = receiver.receive

    async def receive_undecoded(parameters: Any) -> None:
        await receive(parameters)
        receiver._handle_disconnect()

    return receive_undecoded


def route_ssrcs(receiver: Any, ssrcs: Collection[int]) -> None:
    """Route these SSRCs, and no others, to the receiver.

    aiortc learns a receiver's SSRCs only at its start. A line that is used again for another
    speaker has another SSRC, whose packets would be dropped. aiortc also reports on every SSRC that
    a line ever had, and a report has room for 31 only.
    """
    table = receiver.transport._rtp_router.ssrc_table
    for ssrc in [ssrc for ssrc, owner in table.items() if owner is receiver]:
        del table[ssrc]
    table.update(dict.fromkeys(ssrcs, receiver))
    reported = receiver._RTCRtpReceiver__remote_streams
    for ssrc in [ssrc for ssrc in reported if ssrc not in ssrcs]:
        del reported[ssrc]


async def packets_sent(receiver: Any) -> int | None:
    """Return the number of packets sent by the sender's last report; None before the first."""
    for stats in (await receiver.getStats()).values():
        if stats.type == "remote-outbound-rtp":
            return int(stats.packetsSent)
    return None


def add_opus_parameters(sdp: str) -> str:
    """Add `a=fmtp` for Opus to an answer; aiortc leaves it out."""
    return re.sub(
        r"(a=rtpmap:(\d+) opus/48000/2\r\n)(?!a=fmtp)",
        rf"\1a=fmtp:\2 {_OPUS_PARAMETERS}\r\n",
        sdp,
        flags=re.I,
    )
