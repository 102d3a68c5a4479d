"""Our subscription to a VideoRoom: one peer connection with a line for each track."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import structlog

from service.listening.packet import Packet
from service.metrics import Metrics
from service.rooms.connector import RoomLost
from service.rooms.janus.api import Handle, JanusRefusal, JanusSession
from service.rooms.janus.lines import Lines, TrackId
from service.rooms.janus.server import VIDEOROOM, FeedId, JanusRoom
from service.rooms.peer.contract import CannotAnswer
from service.rooms.peer.subscription import BadRoomOffer, Subscription

log = structlog.get_logger()

_NO_SUCH_FEED = 428
_MOST_REFUSALS = 20
"""Refusals in a row. Each names a publisher who has left before we could subscribe."""
_REFUSED_S = 0.1
_IN_FLIGHT_S = 1.0
"""Longest time for which packets of a line's last track may still arrive."""
_MOST_HELD = 5_000
"""Packets that wait for Janus to assign their line: a second of a hundred speakers."""


@dataclass(frozen=True, slots=True)
class _Changed:
    """A line that now carries another track.

    Attributes:
        ssrcs: SSRCs of the line before the change. Any other SSRC is the new track's.
        until_s: Time from which no packet of the last track arrives any more.
    """

    ssrcs: frozenset[int]
    until_s: float


class Reception:
    """Begins with the first track; ends with `close`.

    Args:
        on_packet: Called with each packet and its track.
        on_change: Called when `update_lines` has something to do.
        addresses: Local addresses that media may come to; None: all but loopback.
    """

    def __init__(
        self,
        session: JanusSession,
        place: JanusRoom,
        *,
        private_id: int,
        on_packet: Callable[[TrackId, Packet], None],
        on_change: Callable[[], None],
        addresses: Sequence[str] | None,
        metrics: Metrics,
    ) -> None:
        self._session = session
        self._place = place
        self._private_id = private_id
        self._on_packet = on_packet
        self._on_change = on_change
        self._addresses = addresses
        self._metrics = metrics
        self._lines = Lines()
        self._handle: Handle | None = None
        self._peer: Subscription | None = None
        self._offers: deque[str] = deque()
        self._held: list[tuple[str, Packet, TrackId | None]] | None = None
        self._left_meanwhile: set[FeedId] = set()
        self._refusals = 0
        self._lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._last_s: dict[TrackId, float] = {}
        self._changed: dict[str, _Changed] = {}

    @property
    def open(self) -> bool:
        """True once a peer connection exists or is being made."""
        return self._peer is not None

    @property
    def connected(self) -> bool:
        return self._peer is not None and self._peer.connected

    def last_packet_s(self, track: TrackId) -> float:
        """Return the monotonic time of the track's last packet; 0 before the first."""
        return self._last_s.get(track, 0.0)

    def forget(self, feed: FeedId) -> None:
        """Unassign the lines of a publisher who has gone or must be requested anew."""
        self._lines.forget(feed)
        self._left_meanwhile.add(feed)
        self._last_s = {track: at for track, at in self._last_s.items() if track[0] != feed}

    async def until_lost(self) -> NoReturn:
        """Raise RoomLost when the connection ends by itself."""
        raise RoomLost(await self._lost)

    async def update_lines(self, tracks: Collection[TrackId]) -> None:
        """Subscribe to these tracks. Where a track is refused now, `on_change` asks for a retry.

        Raises:
            RoomLost: Janus refuses.
        """
        while self._offers:
            await self._answer(self._offers.popleft())
        missing = [track for track in tracks if track not in self._lines]
        if not missing and not self._lines.spare:
            return
        self._held, self._left_meanwhile = [], set()
        try:
            await self._renegotiate(missing)
        finally:
            self._release()

    async def close(self) -> None:
        """Close the peer connection, in bounded time."""
        if self._peer is not None:
            await self._peer.close()
            self._peer = None

    async def _renegotiate(self, missing: Sequence[TrackId]) -> None:
        try:
            sdp = await (self._begin(missing) if self._peer is None else self._update(missing))
        except JanusRefusal as error:
            self._refusals += 1
            if error.code != _NO_SUCH_FEED or self._refusals > _MOST_REFUSALS:
                raise RoomLost(f"Janus does not let us hear the room: {error}") from error
            asyncio.get_running_loop().call_later(_REFUSED_S, self._on_change)
            return
        self._refusals = 0
        if sdp is not None:
            await self._answer(sdp)

    async def _begin(self, tracks: Sequence[TrackId]) -> str | None:
        if self._handle is None:
            self._handle = await self._session.attach(VIDEOROOM, self._on_event)
        body: dict[str, Any] = {
            "request": "join",
            "ptype": "subscriber",
            "room": self._place.room,
            "private_id": self._private_id,
            "autoupdate": True,
            "streams": [_stream(track) for track in tracks],
        }
        if self._place.pin:
            body["pin"] = self._place.pin
        return (await self._handle.ask(body)).sdp

    async def _update(self, missing: Sequence[TrackId]) -> str | None:
        body: dict[str, Any] = {"request": "update"}
        if missing:
            body["subscribe"] = [_stream(track) for track in missing]
        if self._lines.spare:
            body["unsubscribe"] = [{"sub_mid": mid} for mid in self._lines.spare]
        assert self._handle is not None
        return (await self._handle.ask(body)).sdp

    async def _answer(self, offer: str) -> None:
        assert self._handle is not None
        if self._peer is None:
            self._peer = Subscription(
                on_packet=self._on_line_packet,
                on_ended=self._lose,
                on_connected=self._on_change,
                on_unfit=lambda why: self._metrics.packets_unfit.labels(why).inc(),
                addresses=self._addresses,
            )
        try:
            answer = await self._peer.answer(offer)
        except BadRoomOffer as error:
            raise RoomLost(str(error)) from error
        except CannotAnswer as error:
            error.log(room_server="janus")
            raise RoomLost(str(error)) from error
        try:
            await self._handle.ask({"request": "start"}, answer)
        except JanusRefusal as error:
            raise RoomLost(f"Janus does not take our answer: {error}") from error

    def _on_event(self, kind: str, data: Mapping[str, Any], sdp: str | None) -> None:
        """Handle an event or the answer to a request of ours, in the order Janus sent them."""
        if "streams" in data:
            listed = data["streams"]
            present = [line for line in listed if line.get("feed_id") not in self._left_meanwhile]
            self._note_reassigned(self._lines.assign_tracks(present))
            self._on_change()
        if kind == "event" and sdp is not None:
            self._offers.append(sdp)
            self._on_change()
        if kind in ("hangup", "detached"):
            self._lose(f"Janus ended the media connection ({kind})")

    def _note_reassigned(self, mids: Collection[str]) -> None:
        """Note the lines that carry another track now.

        Janus's events and its packets come over different connections: packets of the last track
        may come after the event.
        """
        if self._peer is not None:
            until_s = asyncio.get_running_loop().time() + _IN_FLIGHT_S
            for mid in mids:
                self._changed[mid] = _Changed(self._peer.ssrcs(mid), until_s)

    def _may_be_of_last_track(self, mid: str, packet: Packet) -> bool:
        """Tell whether a packet that came soon after a reassignment may be of the last track."""
        changed = self._changed.get(mid)
        if changed is None:
            return False
        if packet.arrived_s >= changed.until_s:
            del self._changed[mid]
            return False
        return not changed.ssrcs or packet.ssrc in changed.ssrcs

    def _lose(self, reason: str) -> None:
        if not self._lost.done():
            self._lost.set_result(reason)

    def _on_line_packet(self, mid: str, packet: Packet) -> None:
        track = self._lines.track(mid)
        if self._held is not None:
            if len(self._held) < _MOST_HELD:
                self._held.append((mid, packet, track))
            else:
                self._metrics.packets_of_nobody.inc()
        elif track is None or self._may_be_of_last_track(mid, packet):
            self._metrics.packets_of_nobody.inc()
        else:
            self._deliver(track, packet)

    def _release(self) -> None:
        """Deliver the packets held during a change of lines.

        A packet whose line changed meanwhile may be of either track: it is dropped and counted.
        """
        held, self._held = self._held or [], None
        for mid, packet, before in held:
            track = self._lines.track(mid)
            doubtful = before not in (None, track) or self._may_be_of_last_track(mid, packet)
            if track is None or doubtful:
                self._metrics.packets_of_nobody.inc()
            else:
                self._deliver(track, packet)

    def _deliver(self, track: TrackId, packet: Packet) -> None:
        self._last_s[track] = packet.arrived_s
        self._on_packet(track, packet)


def _stream(track: TrackId) -> dict[str, Any]:
    feed, mid = track
    return {"feed": feed, "mid": mid}
