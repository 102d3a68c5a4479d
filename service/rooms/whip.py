"""Connector of rooms whose speakers publish to us by WHIP (RFC 9725)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from service.errors import Problem
from service.metrics import Metrics
from service.rooms.actions import NO_WEBHOOK, Carrier, ImpossibleAction, Obstacle, RoomAction
from service.rooms.connector import Muted, RoomListener
from service.rooms.control import ActionRoute, Published
from service.rooms.peer.incoming import BadCandidate, parse_candidates
from service.rooms.ports import TokenStore
from service.rooms.room import Room, RoomState, Speaker
from service.rooms.whip_room import WhipRoom
from service.rooms.whip_session import WhipSession, add_candidates

_RETURN_S = 60.0
"""Time within which speakers who were cut off by a stop of the server come back."""


class WhipConnector:
    """All WHIP rooms. Implements `RoomConnector` and `WhipPublishing`.

    Args:
        tokens: Store in which a removed speaker's tokens are revoked.
        addresses: Local addresses in SDP answers; None: all except loopback.
        action_route: Whether a webhook carries a room's actions to its room server.
        return_s: Time for speakers to come back after a stop of the server.
    """

    kind = "whip"
    opens_as = RoomState.LISTENING

    def __init__(
        self,
        listener: RoomListener,
        tokens: TokenStore,
        *,
        addresses: Sequence[str] | None,
        action_route: ActionRoute,
        metrics: Metrics,
        return_s: float = _RETURN_S,
    ) -> None:
        self._listener = listener
        self._tokens = tokens
        self._addresses = addresses
        self._action_route = action_route
        self._metrics = metrics
        self._return_s = return_s
        self._open: dict[str, WhipRoom] = {}

    def enter(self, room: Room, secrets: Mapping[str, str], muted: Muted) -> WhipRoom:
        return WhipRoom(
            room.id,
            self._listener,
            self._tokens,
            muted,
            self._open,
            addresses=self._addresses,
            metrics=self._metrics,
            return_s=self._return_s,
        )

    async def carrier(self, room: Room, action: RoomAction) -> Carrier | ImpossibleAction:
        if await self._action_route(room.id):
            return Carrier.WEBHOOK
        return ImpossibleAction(action, Obstacle.NO_WEBHOOK, NO_WEBHOOK)

    def person(self, speaker_id: str) -> str:
        return speaker_id  # publish tokens ensure that nobody else is heard under it

    def peers(self) -> int:
        """Return the number of publishers connected or connecting."""
        return sum(map(len, self._open.values()))

    async def publish(self, speaker: Speaker, offer: str) -> Published:
        session = await self.room(speaker.room_id).publish(speaker, offer)
        return Published(session.id, session.etag, session.peer.sdp)

    async def trickle(
        self, speaker: Speaker, session_id: str, fragment: str, if_match: str | None
    ) -> None:
        session = self._own(speaker, session_id)
        try:
            candidates = parse_candidates(fragment)
        except BadCandidate as error:
            raise Problem(400, "Bad candidate", str(error)) from error
        await add_candidates(session, candidates, if_match)

    async def end_session(self, speaker: Speaker, session_id: str) -> None:
        await self.room(speaker.room_id).end_session(self._own(speaker, session_id))

    def _own(self, speaker: Speaker, session_id: str) -> WhipSession:
        session = self.room(speaker.room_id).session(session_id)
        if session.speaker.id != speaker.id:
            raise Problem(403, "Not your session", "the token belongs to another speaker")
        return session

    def room(self, room_id: str) -> WhipRoom:
        """Return an open room.

        Raises:
            Problem: 404 where the room is not listened to.
        """
        if room_id not in self._open:
            raise Problem(404, "No such room", f"room {room_id!r} is not listened to")
        return self._open[room_id]
