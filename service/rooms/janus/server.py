"""Which Janus servers there are, and what a room on one of them needs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

FeedId = str | int
"""Of a room or a publisher: a text where Janus is configured with `string_ids`, else a number."""

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
DEFAULT_NAME = "janus"
VIDEOROOM = "janus.plugin.videoroom"


@dataclass(frozen=True, slots=True)
class JanusServer:
    """
    Attributes:
        name: Ours for it, in `connector.server` and in the ids of rooms its events open.
        url: Of its WebSocket API.
        ping_s: How often it is pinged, and how long it may take to answer: a dead path is noticed
            within twice this time.
    """

    name: str
    url: str
    ping_s: float = 5.0


@dataclass(frozen=True, slots=True)
class JanusAccess:
    """What Janus asks for, of all servers and rooms that say nothing else.

    Attributes:
        api_secret: `api_secret` of janus.jcfg.
        token: Of a client, where Janus has `token_auth`.
        room_secret: Lets us moderate.
        room_pin: Lets us in.
        speaker_id: Where a publisher's stable id is: see `identity`.
    """

    api_secret: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    room_secret: str = field(default="", repr=False)
    room_pin: str = field(default="", repr=False)
    speaker_id: str = "feed"


@dataclass(frozen=True, slots=True)
class JanusRoom:
    """A VideoRoom, and the TextRoom where its members are told things, if it has one."""

    server: JanusServer
    room: FeedId
    speaker_id: str
    text_room: FeedId | None
    pin: str = field(repr=False)
    secret: str = field(repr=False)
    text_room_secret: str = field(repr=False)


def parse_servers(given: Sequence[str]) -> Mapping[str, JanusServer]:
    """From `ws://host:8188`, or with names: `main=ws://one:8188` and so on; by name.

    Raises:
        ValueError: It says which part is wrong.
    """
    found: dict[str, JanusServer] = {}
    for part in given:
        name, equals, url = part.partition("=")
        if not equals:
            name, url = DEFAULT_NAME, part
        if not _NAME.fullmatch(name):
            raise ValueError(
                f"{name!r} is not a name; use a-z, 0-9 and hyphens, as in main=ws://..."
            )
        if name in found:
            raise ValueError(f"two servers are called {name!r}; write them as name=ws://host:8188")
        split = urlsplit(url)
        if split.scheme not in ("ws", "wss") or not split.hostname:
            raise ValueError(f"{url!r} is not the URL of a WebSocket, as in ws://host:8188")
        found[name] = JanusServer(name, url)
    return found


def describe(
    connector: Mapping[str, Any],
    secrets: Mapping[str, str],
    servers: Mapping[str, JanusServer],
    access: JanusAccess,
) -> JanusRoom | None:
    """The room that `Room.connector` and its secrets mean; None: on a server that is not known."""
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
