"""Connector to the VideoRooms of the Janus servers that the operator named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NoReturn
from weakref import WeakSet

from service.rooms.actions import CannotAct, Carrier, ImpossibleAction, Obstacle, RoomAction
from service.rooms.connector import Muted, RoomRefused, RoomSession
from service.rooms.janus.dependencies import StayDependencies
from service.rooms.janus.identity import person_of
from service.rooms.janus.server import JanusServer, describe_room
from service.rooms.janus.stay import JanusStay
from service.rooms.room import Room, RoomState

_NOBODY_WARNS = (
    "The room has no text room in which earshot could warn, and no enabled webhook takes"
    " `action.requested` of it; give `connector.text_room`, or let an administrator add a webhook."
)


class JanusConnector:
    """
    Args:
        servers: Servers by name. A room that names none is on the first.
    """

    kind = "janus"
    opens_as = RoomState.JOINING

    def __init__(self, servers: Mapping[str, JanusServer], dependencies: StayDependencies) -> None:
        self._servers = servers
        self._dependencies = dependencies
        self._stays: WeakSet[JanusStay] = WeakSet()

    def enter(self, room: Room, secrets: Mapping[str, str], muted: Muted) -> RoomSession:
        place = describe_room(room.connector, secrets, self._servers, self._dependencies.access)
        if place is None:
            return _UnknownServer(str(room.connector.get("server", "")))
        stay = JanusStay(room, place, muted, self._dependencies)
        self._stays.add(stay)
        return stay

    async def carrier(self, room: Room, action: RoomAction) -> Carrier | ImpossibleAction:
        if action is not RoomAction.WARN or room.connector.get("text_room") is not None:
            return Carrier.CONNECTOR
        if await self._dependencies.action_route(room.id):
            return Carrier.WEBHOOK
        return ImpossibleAction(action, Obstacle.NO_WEBHOOK, _NOBODY_WARNS)

    def person(self, speaker_id: str) -> str:
        return person_of(speaker_id)

    def peers(self) -> int:
        """Return the number of peer connections, at most one a room."""
        return sum(stay.peers for stay in self._stays)


class _UnknownServer:
    """A stay on a server that the operator does not name any more: it ends at once."""

    def __init__(self, server: str) -> None:
        self._server = server

    async def run(self, tell: Callable[[str], None]) -> NoReturn:
        named = f"no Janus server called {self._server!r}" if self._server else "no Janus server"
        raise RoomRefused(f"{named} is in EARSHOT_JANUS")

    async def act(self, action: RoomAction, person: str, words: str) -> str:
        raise CannotAct("the room is not joined")

    async def apply_confirmed(self, action: RoomAction, person: str) -> None:
        pass  # nobody is heard here

    async def dismiss(self, speaker_id: str, reason: str) -> bool:
        return False
