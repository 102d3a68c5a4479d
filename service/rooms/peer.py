"""The door to aiortc: one remote peer that publishes one audio track to us.

aiortc does ICE, DTLS and SRTP. Its own receive path (a jitter buffer, a decoder thread per track
and two queues) costs twice the CPU and holds back the last words before a pause, so that packets
are taken from it as they arrive. For that two methods of the receiver are wrapped:
`tests/rooms/test_peer.py` says what we rely on, and pyproject.toml pins the version.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import aioice.ice
from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCSessionDescription,
)
from aiortc.sdp import SessionDescription, candidate_from_sdp

from service.listening.packet import Packet

_SETUP_S = 15.0
"""A peer that has not connected by then never will."""
_CLOSE_S = 5.0
_MOST_SECTIONS = 8
_MOST_CANDIDATES = 100
"""Each is sent checks to wherever it points; browsers have a few."""
_OPUS = "audio/opus"
_OPUS_PARAMETERS = "useinbandfec=1;usedtx=1"
"""What the answer tells the sender we can receive: without it browsers send neither."""

_addresses: ContextVar[Sequence[str] | None] = ContextVar("_addresses", default=None)
_all_addresses = aioice.ice.get_host_addresses


def _host_addresses(use_ipv4: bool, use_ipv6: bool) -> list[str]:
    """aioice hides loopback addresses; a server bound to one must offer it."""
    chosen = _addresses.get()
    if chosen is not None:
        return list(chosen)
    found: list[str] = _all_addresses(use_ipv4, use_ipv6)
    return found or ["127.0.0.1"]


aioice.ice.get_host_addresses = _host_addresses


class BadOffer(Exception):
    """The offer cannot be answered; its text says why, for the one who sent it."""


class BadCandidate(Exception):
    """A trickled candidate is not one."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """A trickle ICE fragment (RFC 8840)."""

    ufrag: str | None
    lines: Sequence[str]


class Peer:
    """A connected, or connecting, publisher. Made by `answer`; ends with `close`."""

    def __init__(self, connection: RTCPeerConnection, remote_ufrag: str) -> None:
        self._connection = connection
        self._remote_ufrag = remote_ufrag
        self._setup: asyncio.TimerHandle | None = None
        self._trickled = 0
        self.sdp = ""
        self.ufrag = ""

    @classmethod
    async def answer(
        cls,
        offer: str,
        *,
        on_packet: Callable[[Packet], None],
        on_ended: Callable[[str], None],
        addresses: Sequence[str] | None = None,
    ) -> Peer:
        """Answer an SDP offer that publishes one audio track.

        Args:
            on_packet: Called on the event loop with each Opus packet as it arrives.
            on_ended: Called at most once, with a reason, when the connection ends by itself.
            addresses: Local addresses to be reached at; None: all but loopback.

        Raises:
            BadOffer: nothing of the peer is left behind.
        """
        remote_ufrag = _check_offer(offer)
        connection = RTCPeerConnection(
            RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        )
        peer = cls(connection, remote_ufrag)
        token = _addresses.set(addresses)
        try:
            await peer._negotiate(offer, on_packet)
        except Exception as error:  # aiortc raises anything on an odd offer
            await peer.close()
            if isinstance(error, BadOffer):
                raise
            raise BadOffer("the offer's SDP does not describe a session we can join") from error
        except BaseException:
            await peer.close()
            raise
        finally:
            _addresses.reset(token)
        peer._watch(on_ended)
        return peer

    async def add_candidates(self, candidates: Candidates) -> None:
        """Take trickled candidates; those that are not UDP are passed over.

        Raises:
            BadCandidate: a line is not a candidate, or there are too many; none is taken.
        """
        found = [_candidate(line) for line in candidates.lines]
        if self._trickled + len(found) > _MOST_CANDIDATES:
            raise BadCandidate(f"a session takes {_MOST_CANDIDATES} candidates at most")
        self._trickled += len(found)
        for candidate in found:
            for transceiver in self._connection.getTransceivers():
                candidate.sdpMid = transceiver.mid
                if candidate.protocol.lower() == "udp":  # aiortc passes over what is bundled
                    await self._connection.addIceCandidate(candidate)

    def restarts(self, candidates: Candidates) -> bool:
        """The fragment belongs to other ICE credentials than the offer's: an ICE restart."""
        return candidates.ufrag is not None and candidates.ufrag != self._remote_ufrag

    async def close(self) -> None:
        """Let go of everything; bounded, for aiortc's own close can hang."""
        if self._setup is not None:
            self._setup.cancel()
        self._connection.remove_all_listeners()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._connection.close(), _CLOSE_S)

    async def _negotiate(self, offer: str, on_packet: Callable[[Packet], None]) -> None:
        connection = self._connection
        # Made before the offer is read: afterwards aiortc answers with every codec it knows.
        audio = connection.addTransceiver("audio", direction="recvonly")
        known = RTCRtpReceiver.getCapabilities("audio")
        audio.setCodecPreferences([c for c in known.codecs if c.mimeType == _OPUS] if known else [])
        await connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        for transceiver in connection.getTransceivers():
            if transceiver is not audio:
                transceiver.direction = "inactive"
        answer = await connection.createAnswer()
        _tap(audio.receiver, _opus_types(answer.sdp), on_packet)
        await connection.setLocalDescription(answer)
        self.sdp = _with_opus_parameters(connection.localDescription.sdp)
        found = re.search(r"^a=ice-ufrag:(\S+)", self.sdp, re.MULTILINE)
        if found is None:
            raise BadOffer("the offer leaves no transport to answer on")
        self.ufrag = found[1]

    def _watch(self, on_ended: Callable[[str], None]) -> None:
        ended = False

        def end(reason: str) -> None:
            nonlocal ended
            if not ended:
                ended = True
                on_ended(reason)

        def changed() -> None:
            state = self._connection.connectionState
            if state == "connected" and self._setup is not None:
                self._setup.cancel()
            elif state in ("failed", "closed"):
                end("the connection was lost")

        self._connection.on("connectionstatechange", changed)
        loop = asyncio.get_running_loop()
        self._setup = loop.call_later(_SETUP_S, end, "the connection was never made")
        changed()


def parse_candidates(fragment: str) -> Candidates:
    """Read a trickle ICE SDP fragment.

    Raises:
        BadCandidate: it is none.
    """
    ufrag = re.search(r"^a=ice-ufrag:(\S+)", fragment, re.MULTILINE)
    lines = re.findall(r"^a=candidate:(\S[^\r\n]*)", fragment, re.MULTILINE)
    if not (ufrag or lines or re.search(r"^a=end-of-candidates", fragment, re.MULTILINE)):
        raise BadCandidate(
            "the body is not a trickle ICE fragment (RFC 8840): it has neither candidates nor "
            "their end"
        )
    return Candidates(ufrag[1] if ufrag else None, lines)


def _candidate(line: str) -> Any:
    try:
        candidate = candidate_from_sdp(line)
    except (ValueError, AssertionError, IndexError) as error:
        raise BadCandidate("a candidate line cannot be read; see RFC 8839, section 5.1") from error
    if not _has_port(candidate):
        raise BadCandidate(f"a candidate has port {candidate.port}; ports run from 1 to 65535")
    return candidate


def _has_port(candidate: Any) -> bool:
    """aioice sends to whatever it is given, and a socket breaks on a port that is none."""
    return 1 <= int(candidate.port) <= 65535


def _check_offer(offer: str) -> str:
    """The offer's ICE user name, where aiortc has a chance to answer it."""
    try:
        session = SessionDescription.parse(offer)
    except Exception as error:  # aiortc's parser raises anything on garbage
        raise BadOffer(
            "the body is not an SDP offer (RFC 8866); send what createOffer() gave"
        ) from error
    if len(session.media) > _MOST_SECTIONS:
        raise BadOffer(f"the offer has {len(session.media)} media sections; publish audio only")
    audio = [media for media in session.media if media.kind == "audio"]
    if len(audio) != 1:
        raise BadOffer(f"the offer must have one audio section; it has {len(audio)}")
    if any(media.kind not in ("audio", "video") for media in session.media):
        raise BadOffer("the offer must have no data channel: publish audio only")
    if audio[0].direction not in ("sendonly", "sendrecv"):
        raise BadOffer("the audio section must be sendonly: a publisher sends")
    if not any(
        (codec.mimeType.lower(), codec.clockRate) == (_OPUS, 48_000)
        for codec in audio[0].rtp.codecs
    ):
        raise BadOffer("the audio section must offer opus/48000/2")
    ice = audio[0].ice
    ufrag = ice.usernameFragment if ice else None
    dtls = audio[0].dtls
    if ice is None or not ufrag or not ice.password or dtls is None or not dtls.fingerprints:
        raise BadOffer("the audio section lacks its ICE credentials or its DTLS fingerprint")
    candidates = [candidate for media in session.media for candidate in media.ice_candidates]
    if len(candidates) > _MOST_CANDIDATES:
        raise BadOffer(f"the offer has {len(candidates)} candidates; {_MOST_CANDIDATES} are enough")
    if not all(map(_has_port, candidates)):
        raise BadOffer("the offer has a candidate whose port is none; ports run from 1 to 65535")
    return str(ufrag)


def _opus_types(sdp: str) -> frozenset[int]:
    """The RTP payload types that stand for Opus."""
    return frozenset(map(int, re.findall(r"^a=rtpmap:(\d+) opus/", sdp, re.MULTILINE | re.I)))


def _tap(receiver: Any, types: frozenset[int], on_packet: Callable[[Packet], None]) -> None:
    """Hand packets out before the receiver's own path, which keeps counting them for its reports.

    The decoder thread ends as soon as the receiver has started it: nobody reads its track, where
    what it decodes would pile up.
    """
    take, receive = receiver._handle_rtp_packet, receiver.receive
    loop = asyncio.get_running_loop()

    async def tapped(packet: Any, arrival_time_ms: int) -> None:
        if packet.payload and packet.payload_type in types:
            level = packet.extensions.audio_level
            on_packet(
                Packet(
                    sequence=packet.sequence_number,
                    timestamp=packet.timestamp,
                    level=level[1] if level else None,
                    payload=packet.payload,
                    arrived_s=loop.time(),
                )
            )
        await take(packet, arrival_time_ms=arrival_time_ms)

    async def receive_undecoded(parameters: Any) -> None:
        await receive(parameters)
        receiver._handle_disconnect()

    receiver._handle_rtp_packet = tapped
    receiver.receive = receive_undecoded


def _with_opus_parameters(sdp: str) -> str:
    """The answer with `a=fmtp` for Opus, which aiortc leaves out."""
    return re.sub(
        r"(a=rtpmap:(\d+) opus/48000/2\r\n)(?!a=fmtp)",
        rf"\1a=fmtp:\2 {_OPUS_PARAMETERS}\r\n",
        sdp,
        flags=re.I,
    )
