"""Our subscription to a VideoRoom: one peer connection with a line for each voice."""

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
from service.rooms.janus.lines import Lines, Voice
from service.rooms.janus.server import VIDEOROOM, FeedId, JanusRoom
from service.rooms.peer.contract import CannotAnswer
from service.rooms.peer.subscription import BadRoomOffer, Subscription

log = structlog.get_logger()

_NO_SUCH_FEED = 428
_MOST_REFUSALS = 20
"""In a row, each of a publisher who has gone again before we could hear them."""
_REFUSED_S = 0.1
_ON_ITS_WAY_S = 1.0
_MOST_HELD = 5_000
"""Packets that wait for Janus to say whose they are: of a hundred speakers in a second."""


@dataclass(frozen=True, slots=True)
class _Changed:
    """A line that another voice has now.

    Attributes:
        ssrcs: What it carried until then. New ones are the new voice's for certain.
        until_s: By then no packet of the voice before is on its way any more.
    """

    ssrcs: frozenset[int]
    until_s: float


class Reception:
    """Begins with the first voice; ends with `close`.

    Args:
        on_packet: Called with each packet and whose it is.
        on_change: Called when there is something for `settle` to do.
        addresses: Local addresses that media may come to; None: all but loopback.
    """

    def __init__(
        self,
        session: JanusSession,
        place: JanusRoom,
        *,
        private_id: int,
        on_packet: Callable[[Voice, Packet], None],
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
        self._held: list[tuple[str, Packet, Voice | None]] | None = None
        self._left_meanwhile: set[FeedId] = set()
        self._refusals = 0
        self._lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._last_s: dict[Voice, float] = {}
        self._changed: dict[str, _Changed] = {}

    @property
    def open(self) -> bool:
        """There is a peer connection, or one is being made."""
        return self._peer is not None

    @property
    def connected(self) -> bool:
        return self._peer is not None and self._peer.connected

    def last_packet_s(self, voice: Voice) -> float:
        """When the voice was last heard, monotonic."""
        return self._last_s.get(voice, 0.0)

    def forget(self, feed: FeedId) -> None:
        """The publisher has gone, or is to be asked for anew: its lines are nobody's."""
        self._lines.forget(feed)
        self._left_meanwhile.add(feed)
        self._last_s = {voice: at for voice, at in self._last_s.items() if voice[0] != feed}

    async def until_lost(self) -> NoReturn:
        """Raises: RoomLost, when the connection ends by itself."""
        raise RoomLost(await self._lost)

    async def settle(self, voices: Collection[Voice]) -> None:
        """Bring the lines in line with the voices that are to be heard, as far as can be now.

        Raises:
            RoomLost: Janus does not let us.
        """
        while self._offers:
            await self._answer(self._offers.popleft())
        missing = [voice for voice in voices if voice not in self._lines]
        if not missing and not self._lines.spare:
            return
        self._held, self._left_meanwhile = [], set()
        try:
            await self._renegotiate(missing)
        finally:
            self._release()

    async def close(self) -> None:
        """Let go of the peer; bounded."""
        if self._peer is not None:
            await self._peer.close()
            self._peer = None

    async def _renegotiate(self, missing: Sequence[Voice]) -> None:
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

    async def _begin(self, voices: Sequence[Voice]) -> str | None:
        if self._handle is None:
            self._handle = await self._session.attach(VIDEOROOM, self._on_event)
        body: dict[str, Any] = {
            "request": "join",
            "ptype": "subscriber",
            "room": self._place.room,
            "private_id": self._private_id,
            "autoupdate": True,
            "streams": [_stream(voice) for voice in voices],
        }
        if self._place.pin:
            body["pin"] = self._place.pin
        return (await self._handle.ask(body)).sdp

    async def _update(self, missing: Sequence[Voice]) -> str | None:
        body: dict[str, Any] = {"request": "update"}
        if missing:
            body["subscribe"] = [_stream(voice) for voice in missing]
        if self._lines.spare:
            body["unsubscribe"] = [{"sub_mid": mid} for mid in self._lines.spare]
        assert self._handle is not None
        return (await self._handle.ask(body)).sdp

    async def _answer(self, offer: str) -> None:
        assert self._handle is not None
        if self._peer is None:
            self._peer = Subscription(
                on_packet=self._take,
                on_ended=self._end,
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
        """Answers to our own requests come here too, in the order in which Janus sent them."""
        if "streams" in data:
            told = data["streams"]
            here = [s for s in told if s.get("feed_id") not in self._left_meanwhile]
            self._change_hands(self._lines.take(here))
            self._on_change()
        if kind == "event" and sdp is not None:
            self._offers.append(sdp)
            self._on_change()
        if kind in ("hangup", "detached"):
            self._end(f"Janus ended the media connection ({kind})")

    def _change_hands(self, mids: Collection[str]) -> None:
        """What Janus says comes on one way and sound on another: some may come after its word."""
        if self._peer is not None:
            until_s = asyncio.get_running_loop().time() + _ON_ITS_WAY_S
            for mid in mids:
                self._changed[mid] = _Changed(self._peer.ssrcs(mid), until_s)

    def _may_be_of_before(self, mid: str, packet: Packet) -> bool:
        """The line is somebody else's by now, and this packet came while it changed hands."""
        changed = self._changed.get(mid)
        if changed is None:
            return False
        if packet.arrived_s >= changed.until_s:
            del self._changed[mid]
            return False
        return not changed.ssrcs or packet.ssrc in changed.ssrcs

    def _end(self, reason: str) -> None:
        if not self._lost.done():
            self._lost.set_result(reason)

    def _take(self, mid: str, packet: Packet) -> None:
        voice = self._lines.voice(mid)
        if self._held is not None:
            if len(self._held) < _MOST_HELD:
                self._held.append((mid, packet, voice))
            else:
                self._metrics.packets_of_nobody.inc()
        elif voice is None or self._may_be_of_before(mid, packet):
            self._metrics.packets_of_nobody.inc()
        else:
            self._give(voice, packet)

    def _release(self) -> None:
        """While lines are being changed, a packet may be of whoever had its line or has it now."""
        held, self._held = self._held or [], None
        for mid, packet, before in held:
            voice = self._lines.voice(mid)
            strange = before not in (None, voice) or self._may_be_of_before(mid, packet)
            if voice is None or strange:
                self._metrics.packets_of_nobody.inc()
            else:
                self._give(voice, packet)

    def _give(self, voice: Voice, packet: Packet) -> None:
        self._last_s[voice] = packet.arrived_s
        self._on_packet(voice, packet)


def _stream(voice: Voice) -> dict[str, Any]:
    feed, mid = voice
    return {"feed": feed, "mid": mid}
