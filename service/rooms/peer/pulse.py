"""Whether the other side of a connection is still there.

A publisher who is silent or muted sends little or nothing, and is there all the same: what tells
is any datagram (sound, reports), and else that its ICE agent answers when it is asked. aioice asks
every five seconds and gives up after six questions, 29 s: too long for a room.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiortc import RTCPeerConnection

from service.beat import until_beat
from service.rooms.peer.private_names import find

_no_answer: Any = find("aioice.stun:TransactionError")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long silence is borne, in seconds.

    Attributes:
        look_s: Between two looks.
        ask_s: Without a datagram for so long, the other side is asked.
        gone_s: Without a datagram or an answer for so long, nobody is there: three questions, each
            sent twice. With what a look may take, a publisher that was killed is let go of within
            nine seconds.
        longest_look_s: What a look counts for at most: if this process itself stood still, that
            says nothing of others.
    """

    look_s: float = 0.5
    ask_s: float = 2.0
    gone_s: float = 7.5
    longest_look_s: float = 2.5


PATIENCE = Patience()
GONE = "the other side sent nothing any more and did not answer"


class Pulse:
    """Of one connection that is established; all its lines share one transport."""

    def __init__(self, connection: RTCPeerConnection) -> None:
        self._transport: Any = connection.getTransceivers()[0].receiver.transport

    def received(self) -> int:
        """Datagrams of media, reports and DTLS so far."""
        return int(self._transport._RTCDtlsTransport__rx_packets)

    async def answers(self) -> bool:
        """Ask for consent (RFC 7675): whoever lives must answer. Takes 1.5 s at most."""
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
    received: Callable[[], int],
    answers: Callable[[], Awaitable[bool]],
    look: Callable[[int], Awaitable[str]],
    patience: Patience = PATIENCE,
) -> str:
    """Returns once nobody is there any more, or `look` says why it shall end; the reason.

    Args:
        look: Called twice a second or so with the datagrams since it was last called; what it
            returns, if anything, ends it.
    """
    loop = asyncio.get_running_loop()
    silent_s, before, at_s = 0.0, received(), loop.time()
    while silent_s < patience.gone_s:
        await asyncio.sleep(until_beat(loop.time(), patience.look_s))
        new = received() - before
        before += new
        if reason := await look(new):
            return reason
        alive = new > 0 or (silent_s >= patience.ask_s and await answers())
        now_s = loop.time()
        silent_s = 0.0 if alive else silent_s + min(now_s - at_s, patience.longest_look_s)
        at_s = now_s
    return GONE
