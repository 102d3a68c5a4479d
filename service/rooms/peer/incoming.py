"""A remote peer that publishes one audio track to us: it offers, we answer."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from aiortc import RTCSessionDescription

from service.listening.packet import Packet
from service.rooms.peer.addresses import gathering_on
from service.rooms.peer.contract import (
    PLAIN_OFFER,
    CannotAnswer,
    Fault,
    answering,
    describe_cause,
    find_faults,
    log_stock_path,
    require_names,
    sentences,
)
from service.rooms.peer.guard import guard_transport
from service.rooms.peer.health import Health
from service.rooms.peer.intake import Intake, Unfit
from service.rooms.peer.link import Link
from service.rooms.peer.poller import get_poller
from service.rooms.peer.private_names import Use, resolve_name
from service.rooms.peer.tap import (
    OPUS,
    Tap,
    add_opus_parameters,
    allow_only_opus,
    packets_sent,
)

_MOST_SECTIONS = 8
_MOST_CANDIDATES = 100
"""Most candidates. Each makes us send checks to the address it names; browsers have a few."""

_Result = TypeVar("_Result")


class BadOffer(Exception):
    """The offer cannot be answered; its text says why, for the publisher."""


class UnreadOffer(BadOffer):
    """aiortc failed at the offer: the offer's fault, unless aiortc fails at a plain one, too."""


class BadCandidate(Exception):
    """A trickled candidate is not one."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """A trickle ICE fragment (RFC 8840)."""

    ufrag: str | None
    lines: Sequence[str]


class Peer:
    """A connected or connecting publisher. Made by `answer`; ends with `close`."""

    def __init__(self, link: Link, remote_ufrag: str, intake: Intake) -> None:
        self._link = link
        self._remote_ufrag = remote_ufrag
        self._intake = intake
        self._receiver: Any = None
        self._faults: Sequence[Fault] = ()
        """Faults that put the track on the stock path."""
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
        on_trouble: Callable[[str], None] = lambda what: None,
        on_unfit: Callable[[Unfit], None] = lambda why: None,
        addresses: Sequence[str] | None = None,
    ) -> Peer:
        """Answer an SDP offer that publishes one audio track.

        Args:
            on_packet: Called on the event loop with each Opus packet as it arrives.
            on_ended: Called at most once, with a reason, when the connection ends by itself.
            on_trouble: Called when some of the sound cannot be heard, with the trouble, and with an
                empty text once it is over.
            on_unfit: Called with the reason for each packet that is not admitted.
            addresses: Local addresses that the answer offers; None: all but loopback.

        Raises:
            BadOffer: The offer cannot be answered.
            CannotAnswer: The fault is ours or aiortc's. In both cases the peer is closed.
        """
        try:
            peer = await cls._answered(offer, on_packet, on_unfit, addresses)
        except UnreadOffer as error:
            if await cannot_answer(addresses):
                raise CannotAnswer(sentences(find_faults())) from error
            raise
        log_stock_path(peer._faults)
        health = Health(peer._intake, on_trouble, asyncio.get_running_loop().time())
        peer._link.watch(on_ended, check=partial(peer._check_health, health))
        return peer

    @classmethod
    async def _answered(
        cls,
        offer: str,
        on_packet: Callable[[Packet], None],
        on_unfit: Callable[[Unfit], None],
        addresses: Sequence[str] | None,
    ) -> Peer:
        """Make a peer that has answered and is not watched yet. On failure the peer is closed."""
        with answering(BadOffer):
            require_names({Use.OFFERS} if addresses is None else {Use.OFFERS, Use.ADDRESSES})
            peer = cls(Link(), _check_offer(offer), Intake(on_unfit))
            try:
                with gathering_on(addresses):
                    await peer._negotiate(offer, on_packet)
            except BaseException:
                await peer.close()
                raise
        return peer

    async def add_candidates(self, candidates: Candidates) -> None:
        """Add trickled candidates, except those that are not UDP.

        Raises:
            BadCandidate: A line is not a candidate, or there are too many. None is added.
            CannotAnswer: This server cannot read candidates.
        """
        require_names({Use.CANDIDATES})
        parsed = [_candidate(line) for line in candidates.lines]
        if self._trickled + len(parsed) > _MOST_CANDIDATES:
            raise BadCandidate(f"a session takes {_MOST_CANDIDATES} candidates at most")
        self._trickled += len(parsed)
        for candidate in parsed:
            for transceiver in self._link.connection.getTransceivers():
                candidate.sdpMid = transceiver.mid
                if candidate.protocol.lower() == "udp":  # aiortc skips bundled sections
                    await self._link.connection.addIceCandidate(candidate)

    @property
    def dropped_s(self) -> float:
        """Time at which it was last noticed that the kernel dropped packets; see `Link`."""
        return self._link.dropped_s

    def restarts(self, candidates: Candidates) -> bool:
        """Tell whether the fragment has other ICE credentials than the offer: an ICE restart."""
        return candidates.ufrag is not None and candidates.ufrag != self._remote_ufrag

    async def close(self) -> None:
        """Close the connection, in bounded time."""
        await self._link.close()

    async def _check_health(self, health: Health, datagrams: int) -> str:
        """Report troubles; return the reason to close the connection, if there is one."""
        now_s = get_poller().read_until_s(asyncio.get_running_loop().time())
        quiet = self._receiver is not None and health.is_quiet(now_s)
        sent = await packets_sent(self._receiver) if quiet else None
        return health.check(datagrams, sent, now_s)

    async def _negotiate(self, offer: str, on_packet: Callable[[Packet], None]) -> None:
        connection = self._link.connection
        audio = connection.addTransceiver("audio", direction="recvonly")
        allow_only_opus(audio)  # before the offer is read
        await _apply_offer(connection.setRemoteDescription(RTCSessionDescription(offer, "offer")))
        for transceiver in connection.getTransceivers():
            if transceiver is not audio:
                transceiver.direction = "inactive"
        answer = await _apply_offer(connection.createAnswer())
        self._faults = find_faults({Use.PACKETS}, audio.receiver)
        if not self._faults:
            Tap(audio.receiver, answer.sdp, on_packet, intake=self._intake)
            guard_transport(audio.receiver.transport, self._intake.refuse)
            self._receiver = audio.receiver
        else:
            self._link.listen(audio.receiver.track, on_packet)
        await _apply_offer(connection.setLocalDescription(answer))
        self.sdp = add_opus_parameters(connection.localDescription.sdp)
        ufrag = re.search(r"^a=ice-ufrag:(\S+)", self.sdp, re.MULTILINE)
        if ufrag is None:
            raise UnreadOffer("the offer leaves no transport to answer on")
        self.ufrag = ufrag[1]


async def cannot_answer(addresses: Sequence[str] | None = None) -> str:
    """Return the reason why a plain offer cannot be answered, in a line; empty where it can."""
    try:
        peer = await Peer._answered(PLAIN_OFFER, lambda packet: None, lambda why: None, addresses)
        await asyncio.sleep(0)  # aiortc's connecting task would fail if closed before its start
        with answering():
            await peer.close()
    except CannotAnswer as error:
        return describe_cause(error) or "; ".join(error.missing)
    except BadOffer as error:
        return describe_cause(error) or str(error)
    return ""


async def _apply_offer(step: Awaitable[_Result]) -> _Result:
    """Await a step of aiortc that depends on the offer. aiortc raises anything on an odd one."""
    try:
        return await step
    except Exception as error:
        raise UnreadOffer("the offer's SDP does not describe a session we can join") from error


def parse_candidates(fragment: str) -> Candidates:
    """Parse a trickle ICE SDP fragment.

    Raises:
        BadCandidate: This is not a fragment.
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
        candidate = resolve_name("aiortc.sdp", "candidate_from_sdp")(line)
    except (ValueError, AssertionError, IndexError) as error:
        raise BadCandidate("a candidate line cannot be read; see RFC 8839, section 5.1") from error
    if not _has_port(candidate):
        raise BadCandidate(f"a candidate has port {candidate.port}; ports run from 1 to 65535")
    return candidate


def _has_port(candidate: Any) -> bool:
    """Check the port: aioice sends to any port, and a socket breaks on an invalid one."""
    return 1 <= int(candidate.port) <= 65535


def _check_offer(offer: str) -> str:
    """Return the ICE user name of an offer that aiortc may be able to answer.

    Raises:
        BadOffer: aiortc cannot answer it.
    """
    try:
        session = resolve_name("aiortc.sdp:SessionDescription").parse(offer)
    except Exception as error:  # aiortc's parser raises anything on garbage
        raise UnreadOffer(
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
        (codec.mimeType.lower(), codec.clockRate) == (OPUS, 48_000) for codec in audio[0].rtp.codecs
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
        raise BadOffer("the offer has a candidate with an invalid port; ports run from 1 to 65535")
    return str(ufrag)
