"""Who publishes in a VideoRoom, as Janus tells it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from service.rooms.connector import RoomLost
from service.rooms.janus.server import FeedId

LONGEST_DISPLAY = 1000
"""Characters. A publisher chooses its display name, and Janus takes megabytes."""
MOST_STREAMS = 4
"""Of one publisher: one or two are microphones."""
_MOST_FIELDS = 50
_GONE_KEPT = 1_000
"""Of so many who left it is known why; they are asked after at once."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One sound that a publisher sends.

    Attributes:
        mid: Its line in the publisher's own connection.
        muted: By a moderator.
        disabled: The publisher has stopped it for now.
    """

    mid: str
    codec: str
    muted: bool
    disabled: bool


@dataclass(frozen=True, slots=True)
class Publisher:
    """
    Attributes:
        display: What the publisher calls itself: its own word, cut where it is very long.
        metadata: What Janus knows of it besides, from Janus 1.2 on.
        streams: Of sound only, `MOST_STREAMS` at most.
        more: How many further ones there are.
    """

    feed: FeedId
    display: str
    metadata: Mapping[str, Any]
    streams: Sequence[Stream]
    more: int = 0


@dataclass(frozen=True, slots=True)
class Unmuted:
    """Somebody unmuted a stream."""

    feed: FeedId
    mid: str


@dataclass(frozen=True, slots=True)
class Talking:
    """Janus says so, by loudness: a hint."""

    feed: FeedId


@dataclass(frozen=True, slots=True)
class Ended:
    """We are not in the room any more."""

    reason: str


Told = Unmuted | Talking | Ended | None
"""What an event means beyond the roster."""


class Roster:
    """Fed with everything that Janus says to the listener's handle.

    Attributes:
        publishers: By feed, in the order in which they came.
        idle: Who published and does not any more, and has not left the room.
        gone: Why feeds left that were here, the last reason each.
    """

    def __init__(self) -> None:
        self.publishers: dict[FeedId, Publisher] = {}
        self.idle: dict[FeedId, Publisher] = {}
        self.gone: dict[FeedId, str] = {}

    def take(self, data: Mapping[str, Any]) -> Told:
        """An event, or the answer to our `join`.

        Raises:
            RoomLost: It is none of VideoRoom's.
        """
        try:
            return self._take(data)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise RoomLost("Janus said something about the room that is not understood") from error

    def _take(self, data: Mapping[str, Any]) -> Told:
        for told in data.get("publishers", ()):
            publisher = _publisher(told, self.publishers.get(_feed(told["id"])))
            self.publishers[publisher.feed] = publisher
            self.idle.pop(publisher.feed, None)
            self.gone.pop(publisher.feed, None)
        match data.get("videoroom"):
            case "destroyed":
                return Ended("the room was destroyed at Janus")
            case "talking":
                return Talking(_feed(data["id"]))
            case "event":
                return self._happened(data)
            case _:
                return None

    def _happened(self, data: Mapping[str, Any]) -> Told:
        if data.get("leaving") == "ok" and data.get("reason") == "kicked":
            return Ended("we were removed from the room by its moderators")
        for what, reason in _FAREWELLS.items():  # "ok" may be the id that somebody chose
            if what in data:
                self._drop(_feed(data[what]), reason, idle=what == "unpublished")
        if "moderation" in data:
            return self._moderated(_feed(data["id"]), str(data["mid"]), data["moderation"])
        return None

    def _drop(self, feed: FeedId, reason: str, *, idle: bool) -> None:
        publisher = self.publishers.pop(feed, None)
        if publisher is not None:
            self.gone[feed] = reason
            if len(self.gone) > _GONE_KEPT:
                del self.gone[next(iter(self.gone))]
        if not idle:
            self.idle.pop(feed, None)
        elif publisher is not None:
            self.idle[feed] = publisher

    def _moderated(self, feed: FeedId, mid: str, how: object) -> Told:
        muted = how == "muted"
        if feed in self.publishers:
            before = self.publishers[feed]
            streams = [
                replace(stream, muted=muted) if stream.mid == mid else stream
                for stream in before.streams
            ]
            self.publishers[feed] = replace(before, streams=streams)
        return None if muted else Unmuted(feed, mid)


_FAREWELLS = {
    "kicked": "removed by a moderator",
    "unpublished": "the speaker stopped publishing",
    "leaving": "the speaker left",
}


def _publisher(told: Mapping[str, Any], before: Publisher | None) -> Publisher:
    streams = [stream for stream in told.get("streams", ()) if stream["type"] == "audio"]
    muted = {stream.mid for stream in before.streams if stream.muted} if before else set()
    return Publisher(
        feed=_feed(told["id"]),
        display=str(told.get("display", ""))[:LONGEST_DISPLAY],
        metadata=_metadata(told.get("metadata") or {}),
        streams=[_stream(stream, muted) for stream in streams[:MOST_STREAMS]],
        more=max(0, len(streams) - MOST_STREAMS),
    )


def _stream(told: Mapping[str, Any], muted: Collection[str]) -> Stream:
    """Janus leaves `moderated` out where a publisher has renegotiated: then it is as before."""
    mid = str(told.get("mid", ""))
    return Stream(
        mid=mid,
        codec=str(told.get("codec", "")),
        muted=bool(told.get("moderated", mid in muted)),
        disabled=bool(told.get("disabled", False)),
    )


def _metadata(told: Mapping[str, Any]) -> Mapping[str, Any]:
    """Its plain fields: nothing else is asked for."""
    plain = ((name, value) for name, value in dict(told).items() if isinstance(value, str | int))
    return {
        str(name): value[:LONGEST_DISPLAY] if isinstance(value, str) else value
        for name, value in islice(plain, _MOST_FIELDS)
    }


def _feed(told: object) -> FeedId:
    if isinstance(told, bool) or not isinstance(told, str | int):
        raise TypeError("an id is a text or a number")
    return told
