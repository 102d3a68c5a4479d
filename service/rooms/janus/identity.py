"""Identity of a publisher: an id that outlasts a re-join, a name and a role. Pure.

Janus gives a publisher another number (its feed) at each join, unless Janus is configured with
`string_ids` and the room server chooses the ids. Otherwise the publisher can state a stable id: as
its display name, in a field of a display name that is a JSON object, or in a field of its metadata.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from hashlib import sha256
from itertools import chain, count
from typing import Any

from service.rooms.janus.lines import TrackId
from service.rooms.janus.roster import Publisher, Roster, Stream
from service.rooms.room import Speaker

SPEAKER_ID_PATTERN = r"^(feed|display|display\.[A-Za-z0-9_]{1,40}|metadata\.[A-Za-z0-9_]{1,40})$"
"""Allowed values of a room's `speaker_id`."""
_UNSAFE = re.compile(r"[^A-Za-z0-9._:@+-]")
_LONGEST_ID = 80
_LONGEST_PART = 20
_LONGEST_NAME = 200
_LONGEST_SHOWN = 60
_ODD = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, bidirectional overrides, line separators, and lone surrogates."""


class SpeakerIds:
    """Gives each track a speaker, the same one while the track is in the room.

    A publisher may claim an id that another already has. It is then heard under that id with its
    feed appended, so that nobody speaks in another's name. Moderators decide about the person: all
    publishers who claim the id.

    Args:
        source: Place of the stable id: `feed`, `display`, `display.FIELD` or `metadata.FIELD`.
    """

    def __init__(self, room_id: str, source: str) -> None:
        self._room_id = room_id
        self._source = source
        self._ids: dict[TrackId, str] = {}

    def speakers(self, roster: Roster) -> dict[TrackId, Speaker]:
        """Return the speaker of every audible track, in the order in which the tracks came."""
        tracks = {
            (publisher.feed, stream.mid): (publisher, stream)
            for publisher in roster.publishers.values()
            for stream in audible_streams(publisher)
        }
        self._ids = {track: id_ for track, id_ in self._ids.items() if track in tracks}
        return {track: self._speaker(*stream) for track, stream in tracks.items()}

    def person(self, publisher: Publisher) -> str:
        """Return the id that the publisher claims, escaped."""
        return safe_id(_claims(publisher, self._source)[0])

    def _speaker(self, publisher: Publisher, stream: Stream) -> Speaker:
        _, name, role = _claims(publisher, self._source)
        track = (publisher.feed, stream.mid)
        first = audible_streams(publisher)[0].mid == stream.mid
        if track not in self._ids:
            self._ids[track] = self._free_id(self.person(publisher), publisher, stream, first=first)
        shown = plain_text(name) if first else f"{plain_text(name)} ({plain_text(stream.mid)})"
        return Speaker(self._room_id, self._ids[track], shown, plain_text(role), stream.muted)

    def _free_id(self, person: str, publisher: Publisher, stream: Stream, *, first: bool) -> str:
        """Return the first id for this track that no other track has.

        In an escaped id, digits or capitals follow each `=`. Here a small letter follows it, so no
        publisher can claim such an id.
        """
        mic = "" if first else f"=m{safe_id(stream.mid)[:_LONGEST_PART]}"
        feed = f"=f{safe_id(str(publisher.feed))[:_LONGEST_PART]}"
        taken = set(self._ids.values())
        candidates = (
            f"{person}{mic}{more}" for more in chain(["", feed], (f"{feed}=n{n}" for n in count(2)))
        )
        return next(id_ for id_ in candidates if id_ not in taken)


def person_of(speaker_id: str) -> str:
    """Return the person behind a speaker id."""
    return re.split(r"=[mf]", speaker_id, maxsplit=1)[0]


def audible_streams(publisher: Publisher) -> list[Stream]:
    """Return the streams that earshot can decode."""
    return [s for s in publisher.streams if s.codec in ("opus", "") and s.mid and not s.disabled]


def inaudible_reason(publisher: Publisher) -> str:
    """Return why some of the publisher is not heard, for people; empty where all is heard."""
    name = shown_name(publisher)
    if publisher.more:
        return f"{name} sends {publisher.more} more sounds than are listened to"
    codecs = {stream.codec for stream in publisher.streams if not stream.disabled}
    if codecs and not audible_streams(publisher):
        sent = plain_text(", ".join(sorted(codecs)))
        return f"{name} is not heard: they send {sent}, and only opus can be"
    return ""


def shown_name(publisher: Publisher) -> str:
    return plain_text(publisher.display)[:_LONGEST_SHOWN] or str(publisher.feed)[:_LONGEST_SHOWN]


def _claims(publisher: Publisher, source: str) -> tuple[str, str, str]:
    """Return the claimed id, name and role; without a claimed id, the feed is the id."""
    feed, name = str(publisher.feed), publisher.display or str(publisher.feed)
    place, _, field = source.partition(".")
    if place == "feed":
        return feed, name, "speaker"
    if not field:
        return publisher.display or feed, name, "speaker"
    given = publisher.metadata if place == "metadata" else _json(publisher.display)
    id_ = given.get(field)
    if isinstance(id_, bool) or not isinstance(id_, str | int) or id_ == "":
        return feed, name, "speaker"
    shown = given.get("name") or (name if place == "metadata" else id_)
    return str(id_), str(shown), str(given.get("role") or "speaker")


def _json(display: str) -> Mapping[str, Any]:
    try:
        parsed = json.loads(display)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def safe_id(id_: str) -> str:
    """Escape an id so that it is valid here. Different ids stay different."""
    safe = _UNSAFE.sub(
        lambda odd: "".join(f"={byte:02X}" for byte in odd[0].encode("utf-8", "surrogatepass")), id_
    )
    if len(safe) > _LONGEST_ID or not safe[:1].isalnum():
        return "x" + sha256(id_.encode("utf-8", "surrogatepass")).hexdigest()[:24]
    return safe


def plain_text(text: str) -> str:
    """Remove odd characters, and cut the text to the longest name."""
    return _ODD.sub("", text)[:_LONGEST_NAME].strip()
