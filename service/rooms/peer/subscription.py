"""Subscription to a room server: one peer connection with many speakers. It offers, we answer.

Each speaker has an m-line. Lines come, fall silent and are used again for other speakers. The room
server names a line's speaker outside of SDP, so here a packet only belongs to a line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from aiortc import RTCSessionDescription

from service.listening.packet import Packet
from service.rooms.peer.addresses import gathering_on
from service.rooms.peer.contract import answering, find_faults, log_stock_path, require_names
from service.rooms.peer.guard import guard_transport
from service.rooms.peer.intake import Intake, Unfit
from service.rooms.peer.link import Link
from service.rooms.peer.private_names import Use, resolve_name
from service.rooms.peer.tap import Tap, add_opus_parameters, route_ssrcs


class BadRoomOffer(Exception):
    """The room server's offer cannot be answered."""


class Subscription:
    """Begins with the first offer; ends with `close`.

    Args:
        on_packet: Called on the event loop with the mid of a line (RFC 8843) and each Opus packet.
        on_ended: Called at most once, with a reason, when the connection ends by itself.
        on_connected: Called once, when packets can come.
        on_unfit: Called with the reason for each packet that is not admitted.
        addresses: Local addresses that the answer offers; None: all but loopback.
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
        self._takes_packets = True

    @property
    def connected(self) -> bool:
        return self._link.connected

    def ssrcs(self, mid: str) -> frozenset[int]:
        """Return the SSRCs of a line in the last answered offer; empty where it named none."""
        return self._ssrcs.get(mid, frozenset())

    async def answer(self, offer: str) -> str:
        """Answer the first offer, or one that changes the lines. Do not answer two at once.

        Raises:
            BadRoomOffer: It cannot be answered. The subscription is of no use any more.
            CannotAnswer: The fault is ours. The same holds.
        """
        first = not self._tapped
        with answering(BadRoomOffer):
            require_names({Use.OFFERS, Use.LINES})
            if self._addresses is not None:
                require_names({Use.ADDRESSES})
            with gathering_on(self._addresses):
                await self._negotiate(offer)
            self._route()
        if first:
            self._link.watch(self._on_ended, self._on_connected)
        return add_opus_parameters(self._link.connection.localDescription.sdp)

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
        """Close the connection, in bounded time."""
        await self._link.close()

    def _begin(self, receiver: Any) -> None:
        faults = find_faults({Use.PACKETS}, receiver)
        log_stock_path(faults)
        self._takes_packets = not faults
        if self._takes_packets:
            guard_transport(receiver.transport, self._on_unfit)

    def _tap_new_lines(self, session: str) -> None:
        for transceiver in self._link.connection.getTransceivers():
            mid = transceiver.mid
            if mid is not None and mid not in self._tapped and transceiver.kind == "audio":
                self._tapped.add(mid)
                on_packet = partial(self._on_packet, mid)
                if not self._takes_packets:
                    self._link.listen(transceiver.receiver.track, on_packet)
                    continue
                Tap(
                    transceiver.receiver,
                    session,
                    on_packet,
                    wanted=partial(self._has_ssrc, mid),
                    intake=Intake(self._on_unfit, most_sources=None),
                )

    def _has_ssrc(self, mid: str, ssrc: int) -> bool:
        """Tell whether the line has this SSRC, or the offer named none for it."""
        known = self._ssrcs.get(mid)
        return not known or ssrc in known

    def _route(self) -> None:
        for transceiver in self._link.connection.getTransceivers():
            ssrcs = self._ssrcs.get(transceiver.mid or "")
            if ssrcs and self._takes_packets:
                route_ssrcs(transceiver.receiver, ssrcs)


@contextmanager
def _reading() -> Iterator[None]:
    """Turn errors of aiortc, which raises anything on an odd offer, into BadRoomOffer."""
    try:
        yield
    except Exception as error:
        raise BadRoomOffer("the room server's offer cannot be answered") from error


def _ssrcs(offer: str) -> dict[str, frozenset[int]]:
    """Return the SSRCs of each line, by mid."""
    session = resolve_name("aiortc.sdp:SessionDescription").parse(offer)
    return {
        media.rtp.muxId: frozenset(description.ssrc for description in media.ssrc)
        for media in session.media
    }
