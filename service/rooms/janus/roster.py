"""Who publishes in a VideoRoom, as Janus tells it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from service.rooms.connector import RoomLost
from service.rooms.janus.server import FeedId


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
        display: What the publisher calls itself: its own word.
        metadata: What Janus knows of it besides, from Janus 1.2 on.
        streams: Of sound only.
        encrypted: End to end: Janus relays what nobody but the members can hear.
    """

    feed: FeedId
    display: str
    metadata: Mapping[str, Any]
    streams: Sequence[Stream]
    encrypted: bool


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
        gone: Why feeds left that were here, the last reason each.
    """

    def __init__(self) -> None:
        self.publishers: dict[FeedId, Publisher] = {}
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
            publisher = _publisher(told)
            self.publishers[publisher.feed] = publisher
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
        if data.get("leaving") == "ok":
            return Ended("we were removed from the room by its moderators")
        for what, reason in _FAREWELLS.items():
            if what in data and data[what] != "ok":
                self._drop(_feed(data[what]), reason)
        if "moderation" in data:
            return self._moderated(_feed(data["id"]), str(data["mid"]), data["moderation"])
        return None

    def _drop(self, feed: FeedId, reason: str) -> None:
        if self.publishers.pop(feed, None) is not None:
            self.gone[feed] = reason

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


def _publisher(told: Mapping[str, Any]) -> Publisher:
    return Publisher(
        feed=_feed(told["id"]),
        display=str(told.get("display", "")),
        metadata=dict(told.get("metadata") or {}),
        streams=list(_streams(told)),
        encrypted=bool(told.get("e2ee", False)),
    )


def _streams(told: Mapping[str, Any]) -> Iterator[Stream]:
    for stream in told.get("streams", ()):
        if stream["type"] == "audio":
            yield Stream(
                mid=str(stream.get("mid", "")),
                codec=str(stream.get("codec", "")),
                muted=bool(stream.get("moderated", False)),
                disabled=bool(stream.get("disabled", False)),
            )


def _feed(told: object) -> FeedId:
    if isinstance(told, bool) or not isinstance(told, str | int):
        raise TypeError("an id is a text or a number")
    return told
