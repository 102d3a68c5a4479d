"""One peer through which a room server lets us hear many speakers: it offers, we answer.

Each speaker is an m-line. Lines come, fall silent and are used again for somebody else, and what a
line carries is said outside of SDP: here a packet is only of a line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from aiortc import RTCSessionDescription

from service.listening.packet import Packet
from service.rooms.peer.addresses import gathering_on
from service.rooms.peer.contract import answering, broken, log_stock_path, require
from service.rooms.peer.guard import guard
from service.rooms.peer.intake import Intake, Unfit
from service.rooms.peer.link import Link
from service.rooms.peer.private_names import Use, find
from service.rooms.peer.tap import Tap, route, with_opus_parameters


class BadRoomOffer(Exception):
    """What the room server offered cannot be answered."""


class Subscription:
    """Begins with the first offer; ends with `close`.

    Args:
        on_packet: Called on the event loop with the mid of a line (RFC 8843) and each Opus packet.
        on_ended: Called at most once, with a reason, when the connection ends by itself.
        on_connected: Called once, when packets can come.
        on_unfit: Called with each packet that is not taken.
        addresses: Local addresses to be reached at; None: all but loopback.
    """

    def __init__(
        self,
        *,
        on_packet: Callable[[str, Packet], None],
        on_ended: Callable[[str], None],
        on_connected: Callable[[], None],
        on_unfit: Callable[[Unfit], None] = lambda why: None,
        addresses: Sequence[str] | None = None,
    ) -> None:
        self._on_packet = on_packet
        self._on_ended = on_ended
        self._on_connected = on_connected
        self._on_unfit = on_unfit
        self._addresses = addresses
        self._link = Link()
        self._ssrcs: dict[str, frozenset[int]] = {}
        self._tapped: set[str] = set()
        self._packets = True

    @property
    def connected(self) -> bool:
        return self._link.connected

    def ssrcs(self, mid: str) -> frozenset[int]:
        """What a line carries by the last offer that was answered; empty where that named none."""
        return self._ssrcs.get(mid, frozenset())

    async def answer(self, offer: str) -> str:
        """Our answer to the first offer, or to one that changes the lines; not two at once.

        Raises:
            BadRoomOffer: It cannot be answered; nothing more can be heard here.
            CannotAnswer: The fault is ours; the same.
        """
        first = not self._tapped
        with answering(BadRoomOffer):
            require({Use.OFFERS, Use.LINES})
            if self._addresses is not None:
                require({Use.ADDRESSES})
            with gathering_on(self._addresses):
                await self._negotiate(offer)
            self._route()
        if first:
            self._link.watch(self._on_ended, self._on_connected)
        return with_opus_parameters(self._link.connection.localDescription.sdp)

    async def _negotiate(self, offer: str) -> None:
        connection = self._link.connection
        with _reading():
            self._ssrcs = _ssrcs(offer)
            await connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
            answer = await connection.createAnswer()
            receiver = connection.getTransceivers()[0].receiver
        if not self._tapped:
            self._begin(receiver)
        self._tap_new_lines(answer.sdp)
        with _reading():
            await connection.setLocalDescription(answer)

    async def close(self) -> None:
        """Let go of everything; bounded."""
        await self._link.close()

    def _begin(self, receiver: Any) -> None:
        faults = broken({Use.PACKETS}, receiver)
        log_stock_path(faults)
        self._packets = not faults
        if self._packets:
            guard(receiver.transport, self._on_unfit)

    def _tap_new_lines(self, session: str) -> None:
        for transceiver in self._link.connection.getTransceivers():
            mid = transceiver.mid
            if mid is not None and mid not in self._tapped and transceiver.kind == "audio":
                self._tapped.add(mid)
                on_packet = partial(self._on_packet, mid)
                if not self._packets:
                    self._link.listen(transceiver.receiver.track, on_packet)
                    continue
                Tap(
                    transceiver.receiver,
                    session,
                    on_packet,
                    wanted=partial(self._is_of, mid),
                    intake=Intake(self._on_unfit, most_sources=None),
                )

    def _is_of(self, mid: str, ssrc: int) -> bool:
        """The line has this SSRC, or the offer named none."""
        known = self._ssrcs.get(mid)
        return not known or ssrc in known

    def _route(self) -> None:
        for transceiver in self._link.connection.getTransceivers():
            ssrcs = self._ssrcs.get(transceiver.mid or "")
            if ssrcs and self._packets:
                route(transceiver.receiver, ssrcs)


@contextmanager
def _reading() -> Iterator[None]:
    """Around what depends on the offer: aiortc raises anything on an odd one."""
    try:
        yield
    except Exception as error:
        raise BadRoomOffer("the room server's offer is none that we can answer") from error


def _ssrcs(offer: str) -> dict[str, frozenset[int]]:
    """Of each line, by mid."""
    session = find("aiortc.sdp:SessionDescription").parse(offer)
    return {
        media.rtp.muxId: frozenset(description.ssrc for description in media.ssrc)
        for media in session.media
    }
