"""Utterances from one track's segments: their ids and times. Pure.

An utterance that has not ended has the id that it will have at its end. So its start stays as first
given, even where the timeline changes meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from asr.speech import SAMPLE_RATE, Utterance, utterance_id
from service.listening.segmenter import Segment
from service.listening.timeline import Timeline


@dataclass(frozen=True, slots=True)
class _Interim:
    """The open segment, once an utterance was built from it.

    Attributes:
        place: Onset and part of the segment.
        opened_at: Start time that the id is made of.
        revision: Number of the last utterance built from it.
    """

    place: tuple[int, int]
    opened_at: datetime
    revision: int


class UtteranceBuilder:
    """Builder for one track. Takes its segments in order, the open one any number of times."""

    def __init__(self, room_id: str, speaker_id: str, timeline: Timeline, now: datetime) -> None:
        self._room_id = room_id
        self._speaker_id = speaker_id
        self._timeline = timeline
        self._interim: _Interim | None = None
        self._last_opened = datetime.min.replace(tzinfo=now.tzinfo)

    def build_interim(self, segment: Segment) -> Utterance:
        """Return the utterance so far of a segment that is open."""
        before = self._interim
        if before is not None and before.place == (segment.onset, segment.part):
            self._interim = replace(before, revision=before.revision + 1)
        else:
            self._interim = _Interim((segment.onset, segment.part), self._opened_at(segment), 1)
        return self._utterance(segment, self._interim.opened_at, self._interim.revision)

    def build_final(self, segment: Segment) -> Utterance:
        """Return the utterance of a segment that has ended."""
        self._last_opened = self._opened_at(segment)
        self._interim = None
        return self._utterance(segment, self._last_opened, revision=0)

    def _opened_at(self, segment: Segment) -> datetime:
        if self._interim is not None and self._interim.place == (segment.onset, segment.part):
            return self._interim.opened_at
        # Reckoned back from the first word: the sound before it may be filled-in silence.
        before = timedelta(seconds=(segment.onset - segment.opened) / SAMPLE_RATE)
        opened_at = self._timeline.wall_time(segment.onset) - before
        return max(opened_at, self._last_opened + timedelta(milliseconds=1))  # no id twice

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
