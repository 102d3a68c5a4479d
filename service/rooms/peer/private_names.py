"""Every private name of aiortc, aioice, pylibsrtp and asyncio that we use or replace.

Private is what these libraries do not document or export: it may change with any version of theirs.
`contract.py` checks the list at start and once per connection, `replacements.py` applies what is
replaced for the whole process, and `tests/rooms/peer/` holds the list complete and correct.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any


class Outcome(Enum):
    """What becomes of a publisher when a name is missing."""

    REFUSED = "answered with HTTP 500"
    STOCK = "heard by the stock path"
    HEARD = "heard packet by packet, with something missing"
    UNTOUCHED = "not concerned: the name belongs to a command"


class Use(StrEnum):
    """What a name is needed for."""

    OFFERS = "read offers"
    LINES = "read a room server's lines"
    CANDIDATES = "read trickled candidates"
    ADDRESSES = "choose addresses"
    PACKETS = "take packets"
    DATAGRAMS = "sort datagrams"
    CIPHERS = "offer ciphers"
    PULSE = "ask for a pulse"
    POLL = "read datagrams together"
    SIMULATION = "simulate publishers"
    BENCH = "play to a bench"


@dataclass(frozen=True, slots=True)
class Cost:
    """What a missing name costs: the outcome for a publisher, and a sentence for the operator."""

    outcome: Outcome
    says: str


COSTS: Mapping[Use, Cost] = {
    Use.OFFERS: Cost(Outcome.REFUSED, "publishers cannot be answered at all (HTTP 500)"),
    Use.LINES: Cost(Outcome.HEARD, "rooms of a room server, such as Janus, cannot be heard"),
    Use.CANDIDATES: Cost(
        Outcome.HEARD, "trickled candidates are answered with HTTP 500; those in an offer are used"
    ),
    Use.ADDRESSES: Cost(
        Outcome.REFUSED,
        "publishers cannot be answered (HTTP 500) where the server listens on loopback or "
        "EARSHOT_ICE_ADDRESSES is set",
    ),
    Use.PACKETS: Cost(
        Outcome.STOCK,
        "packets cannot be taken from the transport: the stock path is used, which takes about "
        "four times the processor time and loses words at a few percent of packet loss",
    ),
    Use.DATAGRAMS: Cost(
        Outcome.HEARD,
        "each datagram is parsed as STUN first, which is dearer, and malformed ones fill the log",
    ),
    Use.CIPHERS: Cost(
        Outcome.HEARD, "publishers with an RSA certificate, such as GStreamer's, cannot connect"
    ),
    Use.PULSE: Cost(
        Outcome.HEARD,
        "a publisher that vanishes is noticed after half a minute, and one that floods the server "
        "or stalls is not noticed",
    ),
    Use.POLL: Cost(
        Outcome.HEARD, "asyncio reads each connection by itself: more processor time per track"
    ),
    Use.SIMULATION: Cost(
        Outcome.UNTOUCHED, "`earshot simulate` and `earshot demo` cannot publish over loopback"
    ),
    Use.BENCH: Cost(Outcome.UNTOUCHED, "`earshot bench ingest` cannot play"),
}


@dataclass(frozen=True, slots=True)
class PrivateName:
    """A function or an attribute of a library that is not its public interface.

    Attributes:
        owner: Where it is, as `pkgutil.resolve_name` takes it: a module, or `module:Class`.
        name: Private names of classes are mangled.
        uses: What we need it for.
        takes: A function's parameters without `self`; None: not a function.
        type: Of the attribute of an instance, the name of its class; "": any.
        replaced: We put something else in its place, in an instance or in the whole process.
    """

    owner: str
    name: str
    uses: tuple[Use, ...]
    takes: tuple[str, ...] | None = None
    type: str = ""
    replaced: bool = False

    @property
    def shown(self) -> str:
        """As people write it: `RTCDtlsTransport._rx_srtp`, `aioice.ice.get_host_addresses`."""
        module, _, kind = self.owner.partition(":")
        return f"{kind or module}.{self.name}"

    @property
    def outcome(self) -> Outcome:
        """The gravest of its uses."""
        gravest = list(Outcome)
        return min((COSTS[use].outcome for use in self.uses), key=gravest.index)


_RECEIVER = "aiortc:RTCRtpReceiver"
_DTLS = "aiortc:RTCDtlsTransport"
_ROUTER = "aiortc.rtcdtlstransport:RtpRouter"
_STATISTICS = "aiortc.rtcrtpreceiver:StreamStatistics"
_PACKET = "aiortc.rtp:RtpPacket"
_SESSION = "aiortc.sdp:SessionDescription"
_MEDIA = "aiortc.sdp:MediaDescription"
_ICE = "aioice:Connection"
_STUN = "aioice.ice:StunProtocol"
_PAIR = "aioice.ice:CandidatePair"

PRIVATE_NAMES: tuple[PrivateName, ...] = (
    PrivateName("aiortc.sdp", "SessionDescription", (Use.OFFERS,)),
    PrivateName(_SESSION, "parse", (Use.OFFERS,), takes=("sdp",)),
    PrivateName(_SESSION, "media", (Use.OFFERS,), type="list"),
    PrivateName(_MEDIA, "kind", (Use.OFFERS,), type="str"),
    PrivateName(_MEDIA, "direction", (Use.OFFERS,), type="str"),
    PrivateName(_MEDIA, "rtp", (Use.OFFERS,), type="RTCRtpParameters"),
    PrivateName(_MEDIA, "ice", (Use.OFFERS,), type="RTCIceParameters"),
    PrivateName(_MEDIA, "ice_candidates", (Use.OFFERS,), type="list"),
    PrivateName(_MEDIA, "dtls", (Use.OFFERS,), type="RTCDtlsParameters"),
    PrivateName(_MEDIA, "ssrc", (Use.LINES,), type="list"),
    PrivateName("aiortc.sdp:SsrcDescription", "ssrc", (Use.LINES,), type="int"),
    PrivateName("aiortc.sdp", "candidate_from_sdp", (Use.CANDIDATES,), takes=("sdp",)),
    PrivateName(
        "aioice.ice",
        "get_host_addresses",
        (Use.ADDRESSES, Use.SIMULATION),
        takes=("use_ipv4", "use_ipv6"),
        replaced=True,
    ),
    # The path of packets
    PrivateName(_RECEIVER, "receive", (Use.PACKETS,), takes=("parameters",), replaced=True),
    PrivateName(_RECEIVER, "_handle_disconnect", (Use.PACKETS,), takes=()),
    PrivateName(_RECEIVER, "_RTCRtpReceiver__remote_streams", (Use.PACKETS,), type="dict"),
    PrivateName("aiortc.rtcrtpreceiver", "StreamStatistics", (Use.PACKETS,), takes=("clockrate",)),
    PrivateName(_STATISTICS, "add", (Use.PACKETS,), takes=("packet",)),
    PrivateName(
        _DTLS,
        "_handle_rtp_data",
        (Use.PACKETS,),
        takes=("data", "arrival_time_ms"),
        replaced=True,
    ),
    PrivateName(_DTLS, "_handle_rtcp_data", (Use.PACKETS,), takes=("data",), replaced=True),
    PrivateName(_DTLS, "_rx_srtp", (Use.PACKETS,)),
    PrivateName(_DTLS, "_RTCDtlsTransport__rx_packets", (Use.PACKETS, Use.PULSE), type="int"),
    PrivateName(_DTLS, "_RTCDtlsTransport__rx_bytes", (Use.PACKETS,), type="int"),
    PrivateName(_DTLS, "_rtp_header_extensions_map", (Use.PACKETS,)),
    PrivateName(_DTLS, "_rtp_router", (Use.PACKETS,), type="RtpRouter"),
    PrivateName(_ROUTER, "route_rtp", (Use.PACKETS,), takes=("packet",)),
    PrivateName(_ROUTER, "ssrc_table", (Use.PACKETS,), type="dict"),
    PrivateName("aiortc.rtp", "RtpPacket", (Use.PACKETS,)),
    PrivateName(_PACKET, "parse", (Use.PACKETS,), takes=("data", "extensions_map")),
    PrivateName(_PACKET, "payload_type", (Use.PACKETS,), type="int"),
    PrivateName(_PACKET, "ssrc", (Use.PACKETS,), type="int"),
    PrivateName("pylibsrtp", "Error", (Use.PACKETS,)),
    PrivateName("pylibsrtp:Session", "unprotect", (Use.PACKETS,), takes=("packet",)),
    PrivateName(
        "aiortc:RTCIceTransport",
        "_connection",
        (Use.PACKETS, Use.PULSE, Use.POLL),
        type="Connection",
    ),
    PrivateName(_ICE, "_queue", (Use.PACKETS,), type="Queue"),
    PrivateName(
        _ICE,
        "data_received",
        (Use.PACKETS, Use.DATAGRAMS),
        takes=("data", "component"),
        replaced=True,
    ),
    PrivateName(
        _STUN, "datagram_received", (Use.DATAGRAMS,), takes=("data", "addr"), replaced=True
    ),
    PrivateName(_STUN, "receiver", (Use.DATAGRAMS,)),
    PrivateName(_STUN, "local_candidate", (Use.DATAGRAMS,)),
    # The connection
    PrivateName(
        "aiortc:RTCCertificate",
        "_create_ssl_context",
        (Use.CIPHERS,),
        takes=("srtp_profiles",),
        replaced=True,
    ),
    PrivateName(_ICE, "_nominated", (Use.PULSE, Use.POLL), type="dict"),
    PrivateName(_ICE, "build_request", (Use.PULSE,), takes=("pair", "nominate")),
    PrivateName(_PAIR, "protocol", (Use.PULSE, Use.POLL)),
    PrivateName(_PAIR, "remote_addr", (Use.PULSE,)),
    PrivateName(
        _STUN,
        "request",
        (Use.PULSE,),
        takes=("request", "addr", "integrity_key", "retransmissions"),
    ),
    PrivateName("aioice.stun", "TransactionError", (Use.PULSE,)),
    PrivateName(_STUN, "transport", (Use.POLL,)),
    PrivateName("asyncio.selector_events:_SelectorTransport", "_sock", (Use.POLL,)),
    PrivateName(
        "asyncio.selector_events:BaseSelectorEventLoop",
        "_remove_reader",
        (Use.POLL,),
        takes=("fd",),
    ),
    # Commands
    PrivateName("aiortc.exceptions", "OperationError", (Use.SIMULATION,)),
    PrivateName(_DTLS, "_send_rtp", (Use.BENCH,), takes=("data",)),
)


def find(owner: str, name: str = "") -> Any:
    """Return what has this name in a library, or None where the library does not have it."""
    try:
        found = pkgutil.resolve_name(owner)
    except (ImportError, AttributeError):
        return None
    return getattr(found, name, None) if name else found
