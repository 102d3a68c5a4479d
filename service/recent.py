"""What was said in each room lately, and which rules it hit: what rules over several utterances and
repetition need. In memory only, and bounded: a restart begins anew."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from asr.speech import Transcript
from policies.match import Match
from policies.spoken import Earlier, PastHit

MOST_UTTERANCES = 40
"""Kept of a room; a rule looks at ten at most, of one speaker perhaps."""
MOST_HITS = 1_000
"""Kept of a room; the oldest give way."""
MOST_ROOMS = 2_000
"""The room that has been silent for longest gives way."""


@dataclass(frozen=True, slots=True)
class _Hit:
    match: Match
    speaker_id: str
    at: datetime


@dataclass(slots=True)
class _Room:
    said: deque[Transcript] = field(default_factory=lambda: deque(maxlen=MOST_UTTERANCES))
    hits: deque[_Hit] = field(default_factory=lambda: deque(maxlen=MOST_HITS))


class Recent:
    """Of every room what was read lately."""

    def __init__(self) -> None:
        self._rooms: OrderedDict[str, _Room] = OrderedDict()

    def earlier(self, room_id: str, now: datetime) -> Sequence[Earlier]:
        """What was said in the room before `now`, the oldest first."""
        room = self._rooms.get(room_id)
        said = sorted(room.said, key=lambda one: one.started_at) if room else []
        return [
            Earlier(one.text, one.language, one.speaker_id, (now - one.started_at).total_seconds())
            for one in said
            if one.started_at < now
        ]

    def hits(self, room_id: str, now: datetime) -> Sequence[PastHit]:
        """Rules that applied in the room before `now`."""
        room = self._rooms.get(room_id)
        return [
            PastHit(
                hit.match.pack, hit.match.rule_id, hit.speaker_id, (now - hit.at).total_seconds()
            )
            for hit in (room.hits if room else ())
            if hit.at < now
        ]

    def add(self, transcript: Transcript, matches: Sequence[Match]) -> None:
        """Remember an utterance and what of it counts as a hit: nothing that is excused does."""
        room = self._rooms.setdefault(transcript.room_id, _Room())
        self._rooms.move_to_end(transcript.room_id)
        if len(self._rooms) > MOST_ROOMS:
            self._rooms.popitem(last=False)
        if transcript.text:
            room.said.append(transcript)
        for match in matches:
            if not match.excused_by:
                room.hits.append(_Hit(match, transcript.speaker_id, transcript.started_at))
