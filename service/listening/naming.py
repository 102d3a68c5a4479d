"""What a track's segments are called, and when they were spoken. Pure.

A look at speech that goes on has the id that the whole will have: once said, when it began does
not change, though the timeline may.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from asr.speech import SAMPLE_RATE, Utterance, utterance_id
from service.listening.segmenter import Segment
from service.listening.timeline import Timeline


@dataclass(frozen=True, slots=True)
class _Begun:
    """Open speech that has been looked at.

    Attributes:
        place: The segment's onset and part.
        opened_at: What its id is made of.
        revision: Of the last look.
    """

    place: tuple[int, int]
    opened_at: datetime
    revision: int


class Naming:
    """One track's: segments in order, and looks at the one that is open."""

    def __init__(self, room_id: str, speaker_id: str, timeline: Timeline, now: datetime) -> None:
        self._room_id = room_id
        self._speaker_id = speaker_id
        self._timeline = timeline
        self._begun: _Begun | None = None
        self._last_opened = datetime.min.replace(tzinfo=now.tzinfo)

    def look(self, segment: Segment) -> Utterance:
        """What is open, as far as it was heard."""
        before = self._begun
        if before is not None and before.place == (segment.onset, segment.part):
            self._begun = replace(before, revision=before.revision + 1)
        else:
            self._begun = _Begun((segment.onset, segment.part), self._opened_at(segment), 1)
        return self._utterance(segment, self._begun.opened_at, self._begun.revision)

    def give(self, segment: Segment) -> Utterance:
        """What has ended."""
        self._last_opened = self._opened_at(segment)
        self._begun = None
        return self._utterance(segment, self._last_opened, revision=0)

    def _opened_at(self, segment: Segment) -> datetime:
        if self._begun is not None and self._begun.place == (segment.onset, segment.part):
            return self._begun.opened_at
        # Told from where the words begin: what lies before may be silence that was filled in.
        before = timedelta(seconds=(segment.onset - segment.opened) / SAMPLE_RATE)
        opened_at = self._timeline.wall(segment.onset) - before
        return max(opened_at, self._last_opened + timedelta(milliseconds=1))  # come what may

    def _utterance(self, segment: Segment, opened_at: datetime, revision: int) -> Utterance:
        trimmed = timedelta(seconds=(segment.start - segment.opened) / SAMPLE_RATE)
        return Utterance(
            id=utterance_id(self._room_id, self._speaker_id, opened_at, segment.part),
            room_id=self._room_id,
            speaker_id=self._speaker_id,
            started_at=opened_at + trimmed,
            pcm=segment.pcm,
            ended_by=segment.ended_by,
            part=segment.part,
            overlap_ms=segment.overlap_ms,
            revision=revision,
        )
