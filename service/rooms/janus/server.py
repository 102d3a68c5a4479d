"""Janus servers and the VideoRooms on them, as the operator describes them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

FeedId = str | int
"""Id of a room or publisher: a text where Janus is configured with `string_ids`, else a number."""

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
DEFAULT_NAME = "janus"
VIDEOROOM = "janus.plugin.videoroom"


@dataclass(frozen=True, slots=True)
class JanusServer:
    """
    Attributes:
        name: The operator's name for it, in `connector.server` and in the ids of rooms that its
            events open.
        url: URL of its WebSocket API.
        ping_s: Interval of pings, and longest wait for an answer, in seconds: a dead connection is
            noticed within twice this time.
    """

    name: str
    url: str
    ping_s: float = 5.0


@dataclass(frozen=True, slots=True)
class JanusAccess:
    """Credentials for Janus, and defaults for rooms that give none of their own.

    Attributes:
        api_secret: `api_secret` of janus.jcfg.
        token: Client token, where Janus has `token_auth`.
        room_secret: Secret with which a room can be moderated.
        room_pin: PIN with which a room can be entered.
        speaker_id: Place of a publisher's stable id: see `identity`.
    """

    api_secret: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    room_secret: str = field(default="", repr=False)
    room_pin: str = field(default="", repr=False)
    speaker_id: str = "feed"


@dataclass(frozen=True, slots=True)
class JanusRoom:
    """A VideoRoom, and the TextRoom that its members read, if it has one."""

    server: JanusServer
    room: FeedId
    speaker_id: str
    text_room: FeedId | None
    pin: str = field(repr=False)
    secret: str = field(repr=False)
    text_room_secret: str = field(repr=False)


def parse_servers(given: Sequence[str]) -> Mapping[str, JanusServer]:
    """Parse `ws://host:8188`, or named servers such as `main=ws://one:8188`.

    Returns:
        Servers by name.

    Raises:
        ValueError: A part is wrong; the message says which.
    """
    servers: dict[str, JanusServer] = {}
    for part in given:
        name, equals, url = part.partition("=")
        if not equals:
            name, url = DEFAULT_NAME, part
        if not _NAME.fullmatch(name):
            raise ValueError(
                f"{name!r} is not a name; use a-z, 0-9 and hyphens, as in main=ws://..."
            )
        if name in servers:
            raise ValueError(f"two servers are called {name!r}; write them as name=ws://host:8188")
        split = urlsplit(url)
        if split.scheme not in ("ws", "wss") or not split.hostname:
            raise ValueError(f"{url!r} is not the URL of a WebSocket, as in ws://host:8188")
        servers[name] = JanusServer(name, url)
    return servers


def describe_room(
    connector: Mapping[str, Any],
    secrets: Mapping[str, str],
    servers: Mapping[str, JanusServer],
    access: JanusAccess,
) -> JanusRoom | None:
    """Return the room that a `Room.connector` describes; None: its server is unknown."""
    server = servers.get(connector.get("server") or next(iter(servers), ""))
    if server is None:
        return None
    return JanusRoom(
        server=server,
        room=connector["room"],
        speaker_id=connector.get("speaker_id") or access.speaker_id,
        text_room=connector.get("text_room"),
        pin=secrets.get("pin") or access.room_pin,
        secret=secrets.get("secret") or access.room_secret,
        text_room_secret=secrets.get("text_room_secret", ""),
    )
