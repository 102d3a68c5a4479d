"""Hook for Janus's event handler (the `sampleevh` plugin), which reports that rooms begin and end.

Its calls are not signed and only bring a secret along, so they can do little: they open a room that
the operator's filter names. Who is in the room, Janus itself says over its API.
"""

from __future__ import annotations

import asyncio
import hmac
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from service.access.audit import Action, make_entry
from service.access.authenticate import Door, refuse_wait
from service.access.keys import Role, digest_of
from service.access.ports import AuditStore
from service.clock import Clock, Timestamp
from service.errors import Problem
from service.metrics import Metrics
from service.rooms.janus.room_events import RoomEvent, parse_events, parse_room_event
from service.rooms.janus.server import JanusServer
from service.rooms.opening_policy import Wanted
from service.rooms.room import Room
from service.rooms.supervisor import Supervisor

log = structlog.get_logger()

_Stay = tuple[str, Timestamp]
"""Id of a room and the time it was opened, since a later room may have the same id."""
_MOST_ROOMS = 500
"""Most rooms open at once for an event to open another. Beyond, only API calls open rooms."""
_GRACE_S = 3.0
"""Time in which the stay in a destroyed room ends by itself, which is cleaner."""


@dataclass(frozen=True, slots=True)
class JanusHookOutcome:
    """Outcome of a call.

    Attributes:
        opened, ended: Numbers of rooms that are listened to from now on, and that soon are not.
        passed_over: Number of events of other kinds, of rooms that are heard already, or of rooms
            that the operator's filter (EARSHOT_LISTEN_TO) does not name.
    """

    opened: int = 0
    ended: int = 0
    passed_over: int = 0


class JanusHook:
    """
    Args:
        secret: Secret that calls must bring along; None: every call is refused.
        servers: Servers by name. An event names its server as `emitter`.
        grace_s: Time in which a destroyed room may end by itself, in seconds.
    """

    def __init__(
        self,
        secret: str | None,
        servers: Mapping[str, JanusServer],
        supervisor: Supervisor,
        wanted: Wanted,
        *,
        audit: AuditStore,
        metrics: Metrics,
        clock: Clock,
        grace_s: float = _GRACE_S,
    ) -> None:
        self._secret = secret
        self._servers = servers
        self._supervisor = supervisor
        self._wanted = wanted
        self._audit = audit
        self._metrics = metrics
        self._clock = clock
        self._grace_s = grace_s
        self._closings: dict[_Stay, asyncio.Task[None]] = {}
        self._openings: dict[str, bool] = {}
        """Ids of rooms that wait for an earlier room's end, and whether each is still wanted."""

    def check(self, authorization: str | None, door: Door) -> None:
        """Check the secret of a call.

        Args:
            authorization: `Basic` with the secret as password, or `Bearer` with the secret.

        Raises:
            Problem: 401, or 429 after too many wrong ones.
        """
        given = _secret(authorization or "")
        now = self._clock()
        refuse_wait(door, digest_of(given), now)
        expected = self._secret or ""
        right = hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())
        if not expected or not right:
            self._metrics.hooks.labels("unauthorised").inc()
            if given:
                door.attempts.failed(door.address, now)
            raise Problem(
                401,
                "Not from Janus",
                "send EARSHOT_JANUS_HOOK_SECRET as the password of Basic authorization "
                "(`backend_pwd` of janus.eventhandler.sampleevh.jcfg)"
                + ("" if expected else "; this server has none set, so that no call is taken"),
                headers={"WWW-Authenticate": 'Basic realm="earshot"'},
            )
        door.attempts.succeeded(door.address, digest_of(given))

    async def receive(self, body: bytes) -> JanusHookOutcome:
        """Act on one event or a list of events. Of several events of a room, the last one counts.

        Raises:
            Problem: 422: the body is neither.
        """
        opened = ended = 0
        events = parse_events(body)
        room_events = filter(None, (parse_room_event(event, self._servers) for event in events))
        latest = {event.id: event for event in room_events}
        for event in latest.values():
            if event.begins:
                opened += await self._handle_begin(event)
            else:
                ended += self._handle_end(event)
        outcome = JanusHookOutcome(opened, ended, len(events) - opened - ended)
        self._metrics.hooks.labels("done" if opened or ended else "ignored").inc()
        return outcome

    async def _handle_begin(self, event: RoomEvent) -> bool:
        """Open the room; True where it is new."""
        if event.id in self._openings:
            self._openings[event.id] = True
            return False
        known = self._find_room(event)
        if known is not None:
            if (closing := self._closings.pop(_stay(known), None)) is not None:
                closing.cancel()
            self._supervisor.open_rooms.retry(known.id)
            return False
        if event.id not in self._wanted and event.readable_id not in self._wanted:
            return False
        if len(self._supervisor.open_rooms.rooms()) >= _MOST_ROOMS:
            log.error("janus.too_many_rooms", most=_MOST_ROOMS)
            return False
        # The end of a room takes seconds, and Janus does not wait.
        if self._supervisor.open_rooms.ending(event.id):
            self._openings[event.id] = True
            self._supervisor.open_rooms.spawn(lambda: self._reopen(event), f"open {event.id} anew")
            return True
        return await self._open(event)

    async def _reopen(self, event: RoomEvent) -> None:
        """Open the room once its predecessor has ended."""
        try:
            await self._open(event)
        finally:
            wanted = self._openings.pop(event.id)
        if not wanted:
            self._handle_end(event)

    async def _open(self, event: RoomEvent) -> bool:
        try:
            _, new = await self._supervisor.open(
                event.id,
                title=str(event.room),
                connector=event.connector(),
                secrets={},
                languages=[],
                policies=[],
            )
        except Problem as problem:
            if problem.status != 409:  # another room has this id
                raise
            log.warning("janus.hook_refused", room=event.id)
            return False
        if new:
            await self._record(event, Action.ROOM_OPENED, event.id)
        return new

    def _handle_end(self, event: RoomEvent) -> bool:
        """Close the room after a grace time; False where none is open, or it is closing already."""
        if event.id in self._openings:
            self._openings[event.id] = False
            return True
        known = self._find_room(event)
        if known is None or (stay := _stay(known)) in self._closings:
            return False
        closing = self._supervisor.open_rooms.spawn(
            lambda: self._close(event, stay), f"close {known.id}"
        )
        self._closings[stay] = closing
        closing.add_done_callback(lambda _: self._forget_closing(stay, closing))
        return True

    async def _close(self, event: RoomEvent, stay: _Stay) -> None:
        await asyncio.sleep(self._grace_s)
        room = self._find_room(event)
        if room is None or _stay(room) != stay:  # it has ended by itself, and perhaps begun anew
            return
        try:
            await self._supervisor.close(room.id, "the room was destroyed at Janus")
        except Problem as problem:
            if problem.status != 404:  # it has ended meanwhile
                raise
        else:
            await self._record(event, Action.ROOM_CLOSED, room.id)

    def _forget_closing(self, stay: _Stay, closing: asyncio.Task[None]) -> None:
        if self._closings.get(stay) is closing:
            del self._closings[stay]

    def _find_room(self, event: RoomEvent) -> Room | None:
        """Return our room for the same VideoRoom, if one is open and not ending."""
        first = next(iter(self._servers), "")
        for room in self._supervisor.open_rooms.rooms():
            server = room.connector.get("server") or first
            place = (room.connector.get("kind"), server, room.connector.get("room"))
            same = place == ("janus", event.server.name, event.room)
            if same and not self._supervisor.open_rooms.ending(room.id):
                return room
        return None

    async def _record(self, event: RoomEvent, action: Action, room_id: str) -> None:
        entry = make_entry(
            f"janus server {event.server.name}",
            action,
            room_id,
            self._clock(),
            reason="by its event handler",
            role=Role.ROOM_SERVER,
        )
        await self._audit.add(entry)


def _stay(room: Room) -> _Stay:
    return room.id, room.joined_at


def _secret(authorization: str) -> str:
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return given.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return b64decode(given, validate=True).decode().partition(":")[2]
    except ValueError:  # not base64, or not text
        return ""
