"""Events and records of hearing: transcripts, gaps, heard until."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from asr.speech import Transcript, Utterance
from service.clock import Timestamp


@dataclass(frozen=True, slots=True)
class TranscriptHeard:
    """A transcript of an utterance. Attributes as in `asr.speech.Transcript`."""

    type: ClassVar[str] = "transcript.heard"
    utterance_id: str
    room_id: str
    speaker_id: str
    speaker_name: str
    started_at: Timestamp
    ended_at: Timestamp
    language: str
    text: str
    marks: Sequence[str]
    model: str
    provisional: bool

    @classmethod
    def from_transcript(cls, transcript: Transcript, speaker_name: str) -> TranscriptHeard:
        return cls(
            utterance_id=transcript.utterance_id,
            room_id=transcript.room_id,
            speaker_id=transcript.speaker_id,
            speaker_name=speaker_name,
            started_at=transcript.started_at,
            ended_at=transcript.ended_at,
            language=transcript.language,
            text=transcript.text,
            marks=transcript.marks,
            model=transcript.model,
            provisional=transcript.provisional,
        )


@dataclass(frozen=True, slots=True)
class AudioGap:
    """A time in which the speaker may have talked unheard."""

    type: ClassVar[str] = "audio.gap"
    room_id: str
    speaker_id: str
    from_at: Timestamp
    to_at: Timestamp
    reason: str

    @classmethod
    def in_place_of(cls, utterance: Utterance, reason: str) -> AudioGap:
        """Return the gap that stands for an utterance without a transcript."""
        return cls(
            utterance.room_id,
            utterance.speaker_id,
            utterance.started_at,
            utterance.ended_at,
            reason,
        )


@dataclass(frozen=True, slots=True)
class HeardUntil:
    """The time before which everything the speaker said has been matched and is on record."""

    room_id: str
    speaker_id: str
    at: datetime
