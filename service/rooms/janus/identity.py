"""Who a publisher is: an id that outlasts a re-join, a name and a role. Pure.

Janus gives a feed another number each time it joins, unless it is configured with `string_ids` and
the room server chooses them. Otherwise a stable id can stand in what the publisher says of itself:
its display name, a field of a display name that is a JSON object, or a field of its metadata.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from hashlib import sha256
from itertools import chain, count
from typing import Any

from service.rooms.janus.lines import Voice
from service.rooms.janus.roster import Publisher, Roster, Stream
from service.rooms.room import Speaker

SPEAKER_ID_PATTERN = r"^(feed|display|display\.[A-Za-z0-9_]{1,40}|metadata\.[A-Za-z0-9_]{1,40})$"
"""What `speaker_id` of a room may say."""
_UNSAFE = re.compile(r"[^A-Za-z0-9._:@+-]")
_LONGEST_ID = 80
_LONGEST_PART = 20
_LONGEST_NAME = 200
_LONGEST_SHOWN = 60
_ODD = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, those that turn text round, and halves of characters."""


class Cast:
    """Gives each voice a speaker, and the same one as long as it is here.

    Whoever claims an id that somebody has already is heard under that id and their feed, so that
    nobody speaks in another's name by taking their id. What moderators decide is about the person:
    all who claim the id.

    Args:
        how: `feed`, `display`, `display.FIELD` or `metadata.FIELD`.
    """

    def __init__(self, room_id: str, how: str) -> None:
        self._room_id = room_id
        self._how = how
        self._ids: dict[Voice, str] = {}

    def speakers(self, roster: Roster) -> dict[Voice, Speaker]:
        """Every voice that can be heard, in the order in which they came."""
        voices = {
            (publisher.feed, stream.mid): (publisher, stream)
            for publisher in roster.publishers.values()
            for stream in audible(publisher)
        }
        self._ids = {voice: id_ for voice, id_ in self._ids.items() if voice in voices}
        return {voice: self._speaker(*of) for voice, of in voices.items()}

    def person(self, publisher: Publisher) -> str:
        """The id that the publisher claims, as it may be here."""
        return safe_id(_said(publisher, self._how)[0])

    def _speaker(self, publisher: Publisher, stream: Stream) -> Speaker:
        _, name, role = _said(publisher, self._how)
        voice = (publisher.feed, stream.mid)
        first = audible(publisher)[0].mid == stream.mid
        if voice not in self._ids:
            self._ids[voice] = self._free(self.person(publisher), publisher, stream, first=first)
        shown = plain(name) if first else f"{plain(name)} ({plain(stream.mid)})"
        return Speaker(self._room_id, self._ids[voice], shown, plain(role), stream.muted)

    def _free(self, person: str, publisher: Publisher, stream: Stream, *, first: bool) -> str:
        """Of the ids that stand for this voice, the first that no other has.

        In an escaped id `=` is followed by digits or capitals: what follows it here is no part
        of anybody's claim.
        """
        mic = "" if first else f"=m{safe_id(stream.mid)[:_LONGEST_PART]}"
        feed = f"=f{safe_id(str(publisher.feed))[:_LONGEST_PART]}"
        taken = set(self._ids.values())
        found = (
            f"{person}{mic}{more}" for more in chain(["", feed], (f"{feed}=n{n}" for n in count(2)))
        )
        return next(id_ for id_ in found if id_ not in taken)


def person_of(speaker_id: str) -> str:
    """Who it is that is heard under this id."""
    return re.split(r"=[mf]", speaker_id, maxsplit=1)[0]


def audible(publisher: Publisher) -> list[Stream]:
    """Its streams that can be understood."""
    return [s for s in publisher.streams if s.codec in ("opus", "") and s.mid and not s.disabled]


def inaudible(publisher: Publisher) -> str:
    """What of the publisher is not heard, and why; empty where all is."""
    name = shown_name(publisher)
    if publisher.more:
        return f"{name} sends {publisher.more} more sounds than are listened to"
    codecs = {stream.codec for stream in publisher.streams if not stream.disabled}
    if codecs and not audible(publisher):
        sent = plain(", ".join(sorted(codecs)))
        return f"{name} is not heard: they send {sent}, and only opus can be"
    return ""


def shown_name(publisher: Publisher) -> str:
    return plain(publisher.display)[:_LONGEST_SHOWN] or str(publisher.feed)[:_LONGEST_SHOWN]


def _said(publisher: Publisher, how: str) -> tuple[str, str, str]:
    """Id, name and role; the feed is the id where there is no other."""
    feed, name = str(publisher.feed), publisher.display or str(publisher.feed)
    source, _, field = how.partition(".")
    if source == "feed":
        return feed, name, "speaker"
    if not field:
        return publisher.display or feed, name, "speaker"
    given = publisher.metadata if source == "metadata" else _json(publisher.display)
    id_ = given.get(field)
    if isinstance(id_, bool) or not isinstance(id_, str | int) or id_ == "":
        return feed, name, "speaker"
    told = given.get("name") or (name if source == "metadata" else id_)
    return str(id_), str(told), str(given.get("role") or "speaker")


def _json(display: str) -> Mapping[str, Any]:
    try:
        found = json.loads(display)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def safe_id(id_: str) -> str:
    """As an id may be here; different ones stay different."""
    safe = _UNSAFE.sub(
        lambda odd: "".join(f"={byte:02X}" for byte in odd[0].encode("utf-8", "surrogatepass")), id_
    )
    if len(safe) > _LONGEST_ID or not safe[:1].isalnum():
        return "x" + sha256(id_.encode("utf-8", "surrogatepass")).hexdigest()[:24]
    return safe


def plain(text: str) -> str:
    return _ODD.sub("", text)[:_LONGEST_NAME].strip()
