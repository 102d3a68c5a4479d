"""Events of Janus's event handler: a room begins or ends. Pure but for one warning."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from service.errors import Problem
from service.rooms.janus.identity import plain_text, safe_id
from service.rooms.janus.server import VIDEOROOM, FeedId, JanusServer

log = structlog.get_logger()

_PLUGIN_EVENT = 64
_BEGINS = frozenset({"created", "joined", "published"})
_ENDS = frozenset({"destroyed"})


@dataclass(frozen=True, slots=True)
class RoomEvent:
    """A VideoRoom event: a room begins or ends."""

    server: JanusServer
    room: FeedId
    begins: bool

    @property
    def id(self) -> str:
        """Id of the room that this event opens here."""
        return f"{self.server.name}:{safe_id(str(self.room))}"

    @property
    def readable_id(self) -> str:
        """The same id with the room's name unescaped, as an operator's filter may have it."""
        return f"{self.server.name}:{self.room}"

    def connector(self) -> dict[str, Any]:
        """Return the connector of the room that this event opens here."""
        return {"kind": "janus", "server": self.server.name, "room": self.room}


def parse_events(body: bytes) -> Sequence[Mapping[str, Any]]:
    """Parse one event or a list of events.

    Raises:
        Problem: 422: the body is neither.
    """
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _not_events() from error
    events = parsed if isinstance(parsed, list) else [parsed]
    if not all(isinstance(event, dict) for event in events):
        raise _not_events()
    return events


def parse_room_event(
    event: Mapping[str, Any], servers: Mapping[str, JanusServer]
) -> RoomEvent | None:
    """Return the room event; None where the event is not about a room that can be opened.

    Args:
        servers: Servers by name.
    """
    inner = event.get("event")
    if event.get("type") != _PLUGIN_EVENT or not isinstance(inner, dict):
        return None
    data = inner.get("data")
    if inner.get("plugin") != VIDEOROOM or not isinstance(data, dict):
        return None
    kind, room = data.get("event"), data.get("room")
    server = _emitter(event.get("emitter"), servers)
    if server is None or not isinstance(kind, str) or kind not in _BEGINS | _ENDS:
        return None
    if isinstance(room, bool) or not isinstance(room, str | int) or room in ("", 0):
        return None
    if plain_text(str(room)) != str(room):
        log.warning("janus.odd_room_name", server=server.name)
        return None
    return RoomEvent(server, room, begins=kind in _BEGINS)


def _emitter(name: object, servers: Mapping[str, JanusServer]) -> JanusServer | None:
    """Return the server of this name; the only server, whatever the name."""
    if len(servers) == 1:
        return next(iter(servers.values()))
    return servers.get(name) if isinstance(name, str) else None


def _not_events() -> Problem:
    return Problem(
        422, "Not events", "the body must be an event of Janus's event handlers, or a list of them"
    )
