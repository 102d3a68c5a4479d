"""Check of the private names at start: one log line says what is missing and what it costs."""

from __future__ import annotations

import asyncio
import importlib.metadata
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import structlog

from service.rooms.peer.contract import REMEDY, TESTED, Fault, find_faults, sentences
from service.rooms.peer.incoming import cannot_answer
from service.rooms.peer.link import Link
from service.rooms.peer.private_names import COSTS, Outcome, Use

log = structlog.get_logger()

_SERVER_USES = [use for use in Use if COSTS[use].outcome is not Outcome.UNTOUCHED]
"""Uses in the server. Commands check their own names themselves."""


async def report_private_names(addresses: Sequence[str] | None) -> None:
    """Log what the installed aiortc, aioice and pylibsrtp lack and what it costs. Never raises.

    Args:
        addresses: Local addresses that answers offer; None: all but loopback.
    """
    installed = {name: _version(name) for name in TESTED}
    faults = await _missing()
    refused = await cannot_answer(addresses)
    costs = _costs(faults, refused=bool(refused))
    if refused:
        log.error(
            "peer.cannot_answer_anyone",
            installed=installed,
            missing=sentences(faults),
            costs=costs,
            error=refused,
            remedy=REMEDY,
        )
    elif faults:
        log.warning(
            "peer.names_missing",
            installed=installed,
            missing=sentences(faults),
            costs=costs,
            remedy=REMEDY,
        )
    elif not all(f"{installed[name]}.".startswith(f"{TESTED[name]}.") for name in TESTED):
        log.warning("peer.versions_untested", installed=installed, costs=costs, remedy=REMEDY)


def _costs(faults: Sequence[Fault], *, refused: bool) -> list[str]:
    uses = {use for fault in faults for use in fault.name.uses}
    if refused and Outcome.REFUSED not in {COSTS[use].outcome for use in uses}:
        uses.add(Use.OFFERS)
    return [COSTS[use].sentence for use in _SERVER_USES if use in uses] or ["none known"]


async def _missing() -> list[Fault]:
    faults = find_faults(_SERVER_USES)
    try:
        async with _receiver() as receiver, _endpoint() as endpoint:
            faults = find_faults(_SERVER_USES, receiver, endpoint)
    except Exception:
        log.debug("peer.no_receiver", exc_info=True)  # an offer is refused for the same reason
    return faults


@asynccontextmanager
async def _receiver() -> AsyncIterator[Any]:
    """Make a receiver whose connection is never established."""
    link = Link()
    try:
        yield link.connection.addTransceiver("audio", direction="recvonly").receiver
    finally:
        await link.close()


@asynccontextmanager
async def _endpoint() -> AsyncIterator[asyncio.DatagramTransport | None]:
    loop = asyncio.get_running_loop()
    try:
        transport, _ = await loop.create_datagram_endpoint(
            asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0)
        )
    except OSError:
        yield None
        return
    try:
        yield transport
    finally:
        transport.close()


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "none"
