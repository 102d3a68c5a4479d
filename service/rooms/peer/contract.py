"""What of aiortc's and aioice's private parts the packet path relies on.

Pinned by version in pyproject.toml and held by a test. Where it does not hold all the same, as
after somebody's upgrade, `stock.py` takes over: dearer and deafer, but heard.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import Any

import structlog
from aiortc.rtcrtpreceiver import StreamStatistics
from aiortc.rtp import RtpPacket
from pylibsrtp import Session

log = structlog.get_logger()


def packets_can_be_taken(receiver: Any) -> bool:
    """Else the log says why not."""
    faults = broken(receiver)
    if faults:
        log.warning("peer.stock_path", aiortc=faults, remedy="install the pinned aiortc")
    return not faults


def broken(receiver: Any) -> Sequence[str]:
    """What is not as we know it, a sentence each; nothing where packets can be taken.

    Args:
        receiver: Of a transceiver that has its transport, and is not connected yet.
    """
    return [*_of_receiver(receiver), *_of_transport(receiver), *_of_packets()]


def _of_receiver(receiver: Any) -> Iterator[str]:
    yield from _takes(receiver, "receive", "parameters")
    yield from _takes(receiver, "_handle_disconnect")
    yield from _has(receiver, "_RTCRtpReceiver__remote_streams", dict)
    yield from _takes(StreamStatistics, "__init__", "self", "clockrate")
    yield from _takes(StreamStatistics, "add", "self", "packet")


def _of_transport(receiver: Any) -> Iterator[str]:
    transport = getattr(receiver, "transport", None)
    yield from _takes(transport, "_handle_rtp_data", "data", "arrival_time_ms")
    yield from _takes(transport, "_handle_rtcp_data", "data")
    yield from _has(transport, "_rx_srtp")
    yield from _has(transport, "_RTCDtlsTransport__rx_packets", int)
    yield from _has(transport, "_RTCDtlsTransport__rx_bytes", int)
    yield from _has(transport, "_rtp_header_extensions_map")
    router = getattr(transport, "_rtp_router", None)
    yield from _takes(router, "route_rtp", "packet")
    yield from _has(router, "ssrc_table", dict)
    ice = getattr(getattr(transport, "transport", None), "_connection", None)
    yield from _takes(ice, "data_received", "data", "component")
    yield from _takes(ice, "build_request", "pair", "nominate")
    yield from _has(ice, "_nominated", dict)
    yield from _has(getattr(ice, "_queue", None), "put_nowait")


def _of_packets() -> Iterator[str]:
    yield from _takes(Session, "unprotect", "self", "packet")
    yield from _takes(RtpPacket, "parse", "data", "extensions_map")
    packet = RtpPacket(payload_type=111, ssrc=3)
    for name in ("payload_type", "ssrc"):
        yield from _has(packet, name, int)


def _takes(owner: Any, name: str, *parameters: str) -> Iterator[str]:
    method = getattr(owner, name, None)
    if not callable(method):
        yield f"{_kind(owner)} has no method {name}"
        return
    found = tuple(inspect.signature(method).parameters)
    if found != parameters:
        takes = ", ".join(found) or "nothing"
        yield f"{_kind(owner)}.{name} takes {takes}; we know {', '.join(parameters) or 'nothing'}"


def _has(owner: Any, name: str, kind: type = object) -> Iterator[str]:
    if not hasattr(owner, name):
        yield f"{_kind(owner)} has no {name}"
    elif not isinstance(getattr(owner, name), kind):
        found = type(getattr(owner, name)).__name__
        yield f"{_kind(owner)}.{name} is of type {found}; we know {kind.__name__}"


def _kind(owner: Any) -> str:
    return owner.__name__ if inspect.isclass(owner) else type(owner).__name__
