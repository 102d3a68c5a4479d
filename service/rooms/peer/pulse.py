"""Pulse of a connection: a check that its other side is still there.

A silent or muted publisher sends little or nothing and is still there. Any datagram (sound,
reports) proves it; without one, its ICE agent must answer a request. aioice asks every five seconds
and gives up after six requests, 29 s: too long for a room.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiortc import RTCPeerConnection

from service.beat import until_beat
from service.rooms.peer.private_names import resolve_name

_no_answer: Any = resolve_name("aioice.stun:TransactionError")


@dataclass(frozen=True, slots=True)
class PulseTimeouts:
    """Time-outs for a silent peer, in seconds.

    Attributes:
        check_s: Pause between two checks.
        ask_s: Silence after which each check asks the other side.
        gone_s: Silence, without answers, after which the other side is gone. There are three
            requests in it, each sent twice. With the duration of a check, a killed publisher is
            removed within nine seconds.
        longest_check_s: Most silence that one check adds: a pause of this process itself says
            nothing about the other side.
    """

    check_s: float = 0.5
    ask_s: float = 2.0
    gone_s: float = 7.5
    longest_check_s: float = 2.5


TIMEOUTS = PulseTimeouts()
GONE = "the other side sent nothing any more and did not answer"


class Pulse:
    """Pulse of an established connection, whose lines all share one transport."""

    def __init__(self, connection: RTCPeerConnection) -> None:
        self._transport: Any = connection.getTransceivers()[0].receiver.transport

    def count_datagrams(self) -> int:
        """Return the number of datagrams of media, reports and DTLS so far."""
        return int(self._transport._RTCDtlsTransport__rx_packets)

    async def ask_consent(self) -> bool:
        """Ask for consent (RFC 7675), which a live peer must answer. Takes 1.5 s at most."""
        ice: Any = self._transport.transport._connection
        for pair in list(ice._nominated.values()):
            request = ice.build_request(pair, nominate=False)
            key = ice.remote_password.encode()
            try:
                await pair.protocol.request(
                    request, pair.remote_addr, integrity_key=key, retransmissions=1
                )
            except _no_answer:
                continue
            return True
        return False


async def until_gone(
    count_datagrams: Callable[[], int],
    ask_consent: Callable[[], Awaitable[bool]],
    check: Callable[[int], Awaitable[str]],
    timeouts: PulseTimeouts = TIMEOUTS,
) -> str:
    """Wait until the other side is gone or `check` ends the connection; return the reason.

    Args:
        count_datagrams: Returns the number of datagrams so far.
        ask_consent: Tells whether the other side answers.
        check: Called about twice a second with the number of datagrams since the last call. If it
            returns a reason, the connection ends.
    """
    loop = asyncio.get_running_loop()
    silent_s, before, at_s = 0.0, count_datagrams(), loop.time()
    while silent_s < timeouts.gone_s:
        await asyncio.sleep(until_beat(loop.time(), timeouts.check_s))
        new = count_datagrams() - before
        before += new
        if reason := await check(new):
            return reason
        alive = new > 0 or (silent_s >= timeouts.ask_s and await ask_consent())
        now_s = loop.time()
        silent_s = 0.0 if alive else silent_s + min(now_s - at_s, timeouts.longest_check_s)
        at_s = now_s
    return GONE
