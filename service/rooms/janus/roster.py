"""Roster of the publishers in a VideoRoom, made from Janus's events. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from service.rooms.connector import RoomLost
from service.rooms.janus.server import FeedId

LONGEST_DISPLAY = 1000
"""Most characters of a name. A publisher chooses it, and Janus accepts megabytes."""
MOST_STREAMS = 4
"""Most audio streams of one publisher. One or two are microphones."""
_MOST_FIELDS = 50
_MOST_REASONS = 1_000
"""Most departures whose reason is remembered; the stay reads it at once."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One audio stream of a publisher.

    Attributes:
        mid: Its line in the publisher's own connection.
        muted: True while a moderator mutes it.
        disabled: True while the publisher does not send it.
    """

    mid: str
    codec: str
    muted: bool
    disabled: bool


@dataclass(frozen=True, slots=True)
class Publisher:
    """
    Attributes:
        display: Name that the publisher gives itself, cut where it is very long.
        metadata: Further fields of the publisher, from Janus 1.2 on.
        streams: Audio streams, `MOST_STREAMS` at most.
        more: Number of further audio streams.
    """

    feed: FeedId
    display: str
    metadata: Mapping[str, Any]
    streams: Sequence[Stream]
    more: int = 0


@dataclass(frozen=True, slots=True)
class Unmuted:
    """A moderator unmuted a stream at Janus."""

    feed: FeedId
    mid: str


@dataclass(frozen=True, slots=True)
class Talking:
    """Janus reports the publisher as talking, by loudness: a hint."""

    feed: FeedId


@dataclass(frozen=True, slots=True)
class Ended:
    """The room has ended, or moderators removed us from it."""

    reason: str


RosterEvent = Unmuted | Talking | Ended | None
"""Meaning of an event beyond the change to the roster."""


class Roster:
    """
    Attributes:
        publishers: Publishers by feed, in the order in which they came.
        idle: Former publishers who are still in the room, by feed.
        gone: Reasons why publishers went, by feed; cleared when they come back.
    """

    def __init__(self) -> None:
        self.publishers: dict[FeedId, Publisher] = {}
        self.idle: dict[FeedId, Publisher] = {}
        self.gone: dict[FeedId, str] = {}

    def apply_event(self, data: Mapping[str, Any]) -> RosterEvent:
        """Apply an event of the listener's handle, or the answer to our `join`.

        Raises:
            RoomLost: VideoRoom sends no such event.
        """
        try:
            return self._apply(data)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise RoomLost("Janus said something about the room that is not understood") from error

    def _apply(self, data: Mapping[str, Any]) -> RosterEvent:
        for fields in data.get("publishers", ()):
            publisher = _publisher(fields, self.publishers.get(_feed(fields["id"])))
            self.publishers[publisher.feed] = publisher
            self.idle.pop(publisher.feed, None)
            self.gone.pop(publisher.feed, None)
        match data.get("videoroom"):
            case "destroyed":
                return Ended("the room was destroyed at Janus")
            case "talking":
                return Talking(_feed(data["id"]))
            case "event":
                return self._apply_change(data)
            case _:
                return None

    def _apply_change(self, data: Mapping[str, Any]) -> RosterEvent:
        if data.get("leaving") == "ok" and data.get("reason") == "kicked":
            return Ended("we were removed from the room by its moderators")
        for what, reason in _FAREWELLS.items():  # "ok" may also be the id of a publisher
            if what in data:
                self._drop(_feed(data[what]), reason, idle=what == "unpublished")
        if "moderation" in data:
            return self._set_muted(_feed(data["id"]), str(data["mid"]), data["moderation"])
        return None

    def _drop(self, feed: FeedId, reason: str, *, idle: bool) -> None:
        publisher = self.publishers.pop(feed, None)
        if publisher is not None:
            self.gone[feed] = reason
            if len(self.gone) > _MOST_REASONS:
                del self.gone[next(iter(self.gone))]
        if not idle:
            self.idle.pop(feed, None)
        elif publisher is not None:
            self.idle[feed] = publisher

    def _set_muted(self, feed: FeedId, mid: str, moderation: object) -> RosterEvent:
        muted = moderation == "muted"
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


def _publisher(fields: Mapping[str, Any], before: Publisher | None) -> Publisher:
    streams = [stream for stream in fields.get("streams", ()) if stream["type"] == "audio"]
    muted = {stream.mid for stream in before.streams if stream.muted} if before else set()
    return Publisher(
        feed=_feed(fields["id"]),
        display=str(fields.get("display", ""))[:LONGEST_DISPLAY],
        metadata=_metadata(fields.get("metadata") or {}),
        streams=[_stream(stream, muted) for stream in streams[:MOST_STREAMS]],
        more=max(0, len(streams) - MOST_STREAMS),
    )


def _stream(fields: Mapping[str, Any], muted: Collection[str]) -> Stream:
    """Read a stream. Janus omits `moderated` after a renegotiation: then it is unchanged."""
    mid = str(fields.get("mid", ""))
    return Stream(
        mid=mid,
        codec=str(fields.get("codec", "")),
        muted=bool(fields.get("moderated", mid in muted)),
        disabled=bool(fields.get("disabled", False)),
    )


def _metadata(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the fields with plain values; no other is ever used."""
    plain = ((name, value) for name, value in dict(fields).items() if isinstance(value, str | int))
    return {
        str(name): value[:LONGEST_DISPLAY] if isinstance(value, str) else value
        for name, value in islice(plain, _MOST_FIELDS)
    }


def _feed(id_: object) -> FeedId:
    if isinstance(id_, bool) or not isinstance(id_, str | int):
        raise TypeError("an id is a text or a number")
    return id_
