"""Every private name of aiortc, aioice, pylibsrtp and asyncio that we use or replace.

A private name is one that the library does not document or export: any version may change it.
`contract.py` checks the list at start and once per connection, `replacements.py` makes the
replacements for the whole process, and `tests/rooms/peer/` checks that the list is complete.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any


class Outcome(Enum):
    """Outcome for a publisher when a name is missing, the gravest first."""

    REFUSED = "answered with HTTP 500"
    STOCK = "heard by the stock path"
    HEARD = "heard packet by packet, with something missing"
    UNTOUCHED = "not concerned: the name belongs to a command"


class Use(StrEnum):
    """Purpose for which a name is needed."""

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
    """Cost of a missing name: the outcome for a publisher, and a sentence for the operator."""

    outcome: Outcome
    sentence: str


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
        "each datagram is parsed as STUN first, which costs more, and malformed ones fill the log",
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
        owner: Module or `module:Class` that has it, in the form of `pkgutil.resolve_name`.
        name: Name of the attribute, mangled where it is private to a class.
        uses: Purposes for which we need it.
        parameters: Parameters of a function without `self`; None: not a function.
        type: Class name of an instance's attribute; "": any.
        replaced: True where we replace it, in an instance or in the whole process.
    """

    owner: str
    name: str
    uses: tuple[Use, ...]
    parameters: tuple[str, ...] | None = None
    type: str = ""
    replaced: bool = False

    @property
    def shown(self) -> str:
        """Name as people write it: `RTCDtlsTransport._rx_srtp`, `aioice.ice.get_host_addresses`."""
        module, _, kind = self.owner.partition(":")
        return f"{kind or module}.{self.name}"

    @property
    def outcome(self) -> Outcome:
        """Outcome of the gravest of its uses."""
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
    PrivateName(_SESSION, "parse", (Use.OFFERS,), parameters=("sdp",)),
    PrivateName(_SESSION, "media", (Use.OFFERS,), type="list"),
    PrivateName(_MEDIA, "kind", (Use.OFFERS,), type="str"),
    PrivateName(_MEDIA, "direction", (Use.OFFERS,), type="str"),
    PrivateName(_MEDIA, "rtp", (Use.OFFERS,), type="RTCRtpParameters"),
    PrivateName(_MEDIA, "ice", (Use.OFFERS,), type="RTCIceParameters"),
    PrivateName(_MEDIA, "ice_candidates", (Use.OFFERS,), type="list"),
    PrivateName(_MEDIA, "dtls", (Use.OFFERS,), type="RTCDtlsParameters"),
    PrivateName(_MEDIA, "ssrc", (Use.LINES,), type="list"),
    PrivateName("aiortc.sdp:SsrcDescription", "ssrc", (Use.LINES,), type="int"),
    PrivateName("aiortc.sdp", "candidate_from_sdp", (Use.CANDIDATES,), parameters=("sdp",)),
    PrivateName(
        "aioice.ice",
        "get_host_addresses",
        (Use.ADDRESSES, Use.SIMULATION),
        parameters=("use_ipv4", "use_ipv6"),
        replaced=True,
    ),
    # The path of packets
    PrivateName(_RECEIVER, "receive", (Use.PACKETS,), parameters=("parameters",), replaced=True),
    PrivateName(_RECEIVER, "_handle_disconnect", (Use.PACKETS,), parameters=()),
    PrivateName(_RECEIVER, "_RTCRtpReceiver__remote_streams", (Use.PACKETS,), type="dict"),
    PrivateName(
        "aiortc.rtcrtpreceiver", "StreamStatistics", (Use.PACKETS,), parameters=("clockrate",)
    ),
    PrivateName(_STATISTICS, "add", (Use.PACKETS,), parameters=("packet",)),
    PrivateName(
        _DTLS,
        "_handle_rtp_data",
        (Use.PACKETS,),
        parameters=("data", "arrival_time_ms"),
        replaced=True,
    ),
    PrivateName(_DTLS, "_handle_rtcp_data", (Use.PACKETS,), parameters=("data",), replaced=True),
    PrivateName(_DTLS, "_rx_srtp", (Use.PACKETS,)),
    PrivateName(_DTLS, "_RTCDtlsTransport__rx_packets", (Use.PACKETS, Use.PULSE), type="int"),
    PrivateName(_DTLS, "_RTCDtlsTransport__rx_bytes", (Use.PACKETS,), type="int"),
    PrivateName(_DTLS, "_rtp_header_extensions_map", (Use.PACKETS,)),
    PrivateName(_DTLS, "_rtp_router", (Use.PACKETS,), type="RtpRouter"),
    PrivateName(_ROUTER, "route_rtp", (Use.PACKETS,), parameters=("packet",)),
    PrivateName(_ROUTER, "ssrc_table", (Use.PACKETS,), type="dict"),
    PrivateName("aiortc.rtp", "RtpPacket", (Use.PACKETS,)),
    PrivateName(_PACKET, "parse", (Use.PACKETS,), parameters=("data", "extensions_map")),
    PrivateName(_PACKET, "payload_type", (Use.PACKETS,), type="int"),
    PrivateName(_PACKET, "ssrc", (Use.PACKETS,), type="int"),
    PrivateName("pylibsrtp", "Error", (Use.PACKETS,)),
    PrivateName("pylibsrtp:Session", "unprotect", (Use.PACKETS,), parameters=("packet",)),
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
        parameters=("data", "component"),
        replaced=True,
    ),
    PrivateName(
        _STUN, "datagram_received", (Use.DATAGRAMS,), parameters=("data", "addr"), replaced=True
    ),
    PrivateName(_STUN, "receiver", (Use.DATAGRAMS,)),
    PrivateName(_STUN, "local_candidate", (Use.DATAGRAMS,)),
    # The connection
    PrivateName(
        "aiortc:RTCCertificate",
        "_create_ssl_context",
        (Use.CIPHERS,),
        parameters=("srtp_profiles",),
        replaced=True,
    ),
    PrivateName(_ICE, "_nominated", (Use.PULSE, Use.POLL), type="dict"),
    PrivateName(_ICE, "build_request", (Use.PULSE,), parameters=("pair", "nominate")),
    PrivateName(_PAIR, "protocol", (Use.PULSE, Use.POLL)),
    PrivateName(_PAIR, "remote_addr", (Use.PULSE,)),
    PrivateName(
        _STUN,
        "request",
        (Use.PULSE,),
        parameters=("request", "addr", "integrity_key", "retransmissions"),
    ),
    PrivateName("aioice.stun", "TransactionError", (Use.PULSE,)),
    PrivateName(_STUN, "transport", (Use.POLL,)),
    PrivateName("asyncio.selector_events:_SelectorTransport", "_sock", (Use.POLL,)),
    PrivateName(
        "asyncio.selector_events:BaseSelectorEventLoop",
        "_remove_reader",
        (Use.POLL,),
        parameters=("fd",),
    ),
    # Commands
    PrivateName("aiortc.exceptions", "OperationError", (Use.SIMULATION,)),
    PrivateName(_DTLS, "_send_rtp", (Use.BENCH,), parameters=("data",)),
)


def resolve_name(owner: str, name: str = "") -> Any:
    """Return the object of this name in a library, or None where there is none."""
    try:
        found = pkgutil.resolve_name(owner)
    except (ImportError, AttributeError):
        return None
    return getattr(found, name, None) if name else found
