"""Contract with the libraries: a check that the private names we rely on are as we know them.

It runs at start and once per connection, never per packet. Where packets cannot be taken from
aiortc, `stock.py` takes over, which costs more and loses more.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import structlog

from service.rooms.peer.private_names import PRIVATE_NAMES, PrivateName, Use, resolve_name

log = structlog.get_logger()

TESTED = {"aiortc": "1.16", "aioice": "0.13", "pylibsrtp": "1.0"}
"""Versions that the tests run with. pyproject.toml has the same bounds."""
REMEDY = "install " + ", ".join(f"{name} {version}" for name, version in TESTED.items())

PLAIN_OFFER = "\r\n".join(
    (
        "v=0",
        "o=- 1 1 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        "c=IN IP4 0.0.0.0",
        "a=ice-ufrag:Xf3q",
        "a=ice-pwd:hQ3n0Lw2Vd8sK5rT7yB1mZ4c",
        "a=fingerprint:sha-256 " + ":".join(["00"] * 32),
        "a=candidate:1 1 udp 2122260223 127.0.0.1 9 typ host",
        "a=setup:actpass",
        "a=mid:0",
        "a=sendonly",
        "a=rtcp-mux",
        "a=rtpmap:111 opus/48000/2",
        "a=ssrc:1001 cname:plain",
        "",
    )
)
"""A plain offer. Where even this one cannot be answered, the fault is ours."""


_LOOP = "asyncio.selector_events:BaseSelectorEventLoop"
_SHOWN = 300
"""Most characters of an error in the log."""
_NOT_MADE = (TypeError, AttributeError, NameError, ValueError, LookupError, AssertionError)


class CannotAnswer(Exception):
    """This server cannot answer any offer.

    Attributes:
        missing: Private names that are not as we know them, a sentence each.
    """

    def __init__(self, missing: Sequence[str]) -> None:
        super().__init__("this server cannot answer an offer; its log says why")
        self.missing = missing

    def log(self, **ids: str) -> None:
        """Log the missing names in one line, or the traceback where no name is missing."""
        log.error(
            "peer.cannot_answer",
            **ids,
            missing=self.missing,
            error=describe_cause(self),
            remedy=REMEDY,
            exc_info=None if self.missing else self.__cause__,
        )


@dataclass(frozen=True, slots=True)
class Fault:
    """A name that is not as we know it, and a sentence that says how it differs."""

    name: PrivateName
    sentence: str


def log_stock_path(faults: Sequence[Fault]) -> None:
    """Log the faults that put a connection on the stock path, if there are any."""
    if faults:
        log.warning("peer.stock_path", missing=sentences(faults), remedy=REMEDY)


def require_names(uses: Collection[Use]) -> None:
    """Check the names that can be checked without a connection.

    Raises:
        CannotAnswer: One of them is not as we know it.
    """
    if faults := find_faults(uses):
        raise CannotAnswer(sentences(faults))


@contextmanager
def answering(*refusals: type[Exception]) -> Iterator[None]:
    """Turn unexpected errors into CannotAnswer while our own code answers an offer.

    Args:
        refusals: Errors that are the offer's fault. They pass unchanged.

    Raises:
        CannotAnswer: Another error occurred.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, (*refusals, CannotAnswer)):
            raise
        raise CannotAnswer(sentences(find_faults())) from error


def describe_cause(error: BaseException) -> str:
    """Return the first cause of an error in one line; empty where it has no cause."""
    cause = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    return "" if cause is error else f"{type(cause).__name__}: {cause}"[:_SHOWN]


def sentences(faults: Sequence[Fault]) -> list[str]:
    """Return the sentences of faults, for a log line."""
    return [fault.sentence for fault in faults]


def find_faults(
    uses: Collection[Use] = tuple(Use), receiver: Any = None, endpoint: Any = None
) -> list[Fault]:
    """Return the names needed for `uses` that are not as we know them. Needs a running event loop.

    Args:
        receiver: Receiver of an audio transceiver. None: attributes of instances go unchecked.
        endpoint: An asyncio datagram transport. None: its attributes go unchecked.
    """
    instances = _instances(receiver, endpoint)
    wanted = [name for name in PRIVATE_NAMES if not set(uses).isdisjoint(name.uses)]
    return [Fault(name, text) for name in wanted for text in _differences(name, instances)]


def _differences(name: PrivateName, instances: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each difference of a name from what we know."""
    if name.parameters is not None:
        loop = asyncio.get_running_loop()
        yield from _check_function(name, loop if name.owner == _LOOP else resolve_name(name.owner))
    elif ":" not in name.owner:
        if resolve_name(name.owner, name.name) is None:
            yield f"{name.shown} is missing"
    elif name.owner in instances:
        yield from _check_attribute(name, instances[name.owner])


def _check_function(name: PrivateName, owner: Any) -> Iterator[str]:
    function = getattr(owner, name.name, None)
    if function is None:
        yield f"{name.shown} is missing"
        return
    try:
        found = tuple(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        yield f"{name.shown} is not a function that says what it takes"
        return
    if inspect.isclass(owner) and inspect.isfunction(function):
        found = found[1:]
    if found != name.parameters:
        takes, known = (", ".join(names or ()) or "nothing" for names in (found, name.parameters))
        yield f"{name.shown} takes {takes}; we know {known}"


def _check_attribute(name: PrivateName, owner: Any) -> Iterator[str]:
    kind = type(owner)
    if not name.type and (hasattr(kind, name.name) or name.name in _annotated(kind)):
        return  # a property, or set once there is a socket
    if not hasattr(owner, name.name):
        yield f"{name.shown} is missing"
        return
    found = [kind.__name__ for kind in type(getattr(owner, name.name)).__mro__]
    if name.type and name.type not in found:
        yield f"{name.shown} is of type {found[0]}; we know {name.type}"


def _annotated(kind: type) -> Collection[str]:
    annotations: Mapping[str, Any] = vars(kind).get("__annotations__", {})
    return annotations


def _instances(receiver: Any, endpoint: Any) -> Mapping[str, Any]:
    """Return an instance of each class that can be made or reached, by owner.

    An instance behind a missing private name is left out: that name is a fault already.
    """
    transport = getattr(receiver, "transport", None)
    ice_transport = getattr(transport, "transport", None)
    ice = getattr(ice_transport, "_connection", None)
    session = _make("aiortc.sdp:SessionDescription.parse", PLAIN_OFFER)
    if isinstance(session, _NotMade):
        session = None  # the plain offer is refused for the same reason
    media = next(iter(getattr(session, "media", ())), None)
    stun = _make("aioice.ice:StunProtocol", ice)
    instances = {
        "aiortc:RTCRtpReceiver": receiver,
        "aiortc:RTCDtlsTransport": transport,
        "aiortc:RTCIceTransport": ice_transport,
        "aiortc.rtcdtlstransport:RtpRouter": getattr(transport, "_rtp_router", None),
        "aiortc.rtp:RtpPacket": _make("aiortc.rtp:RtpPacket"),
        "aiortc.sdp:SessionDescription": session,
        "aiortc.sdp:MediaDescription": media,
        "aiortc.sdp:SsrcDescription": next(iter(getattr(media, "ssrc", ())), None),
        "aioice:Connection": ice,
        "aioice.ice:StunProtocol": stun,
        "aioice.ice:CandidatePair": _make("aioice.ice:CandidatePair", stun, None),
        "asyncio.selector_events:_SelectorTransport": endpoint,
    }
    return {owner: made for owner, made in instances.items() if made is not None}


class _NotMade:
    """Stands in for an object that cannot be made; it has no attribute."""


def _make(maker: str, *arguments: Any) -> Any:
    try:
        return resolve_name(maker)(*arguments)
    except _NOT_MADE:
        return _NotMade()
