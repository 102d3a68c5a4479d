"""Utterances and transcripts: input and output of the recogniser.

Every stage from the segmenter on uses them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256

SAMPLE_RATE = 16_000
"""Samples a second of every `Utterance.pcm`."""


class EndedBy(StrEnum):
    """Cause of an utterance's end."""

    SILENCE = "silence"
    LENGTH = "length"
    """A cut inside unbroken speech. The next part overlaps this one."""
    LEFT = "left"
    """The speaker's track ended."""
    OPEN = "open"
    """No end yet: the utterance is interim."""


class WorkClass(StrEnum):
    """Urgency of an utterance, the most urgent class first."""

    HOT_FINAL = "hot_final"
    """A final of a speaker or room with a recent hit, or one that settles a provisional alert."""
    FINAL = "final"
    HOT_PARTIAL = "hot_partial"
    PARTIAL = "partial"
    RETRY = "retry"
    """A further attempt after a worker failed."""


INTERIM_CLASSES = frozenset({WorkClass.HOT_PARTIAL, WorkClass.PARTIAL})
"""Classes of interim utterances. The whole utterance follows even if these are dropped."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """A stretch of one speaker's speech.

    Attributes:
        id: Id made from room, speaker, start and part (`utterance_id`), so that the same audio
            always has the same id.
        started_at: Time of the first sample (UTC).
        pcm: int16 mono little-endian samples at `SAMPLE_RATE`.
        part: 0, or the number of the cut this part follows in unbroken speech.
        overlap_ms: Length of the beginning that repeats the end of the previous part.
        languages: ISO 639-1 codes of allowed languages; empty: all that the model knows.
        work: Urgency.
        revision: 0 for a final utterance; n for the nth interim one, which has the id of the final
            utterance to come.
    """

    id: str
    room_id: str
    speaker_id: str
    started_at: datetime
    pcm: bytes
    ended_by: EndedBy
    part: int = 0
    overlap_ms: int = 0
    languages: Sequence[str] = ()
    work: WorkClass = WorkClass.FINAL
    revision: int = 0

    @property
    def provisional(self) -> bool:
        return self.revision > 0

    @property
    def duration_ms(self) -> int:
        return len(self.pcm) // 2 * 1000 // SAMPLE_RATE

    @property
    def ended_at(self) -> datetime:
        return self.started_at + timedelta(milliseconds=self.duration_ms)


@dataclass(frozen=True, slots=True)
class Word:
    """A word with its times in milliseconds from the utterance's first sample."""

    text: str
    start_ms: int
    end_ms: int
    probability: float


@dataclass(frozen=True, slots=True)
class Transcript:
    """The words of one utterance.

    Attributes:
        text: The model's text, stripped; empty where it found no speech.
        words: Words with times; empty where the model was not asked for them.
        hypotheses: Further readings of the same audio, the best first, without `text` itself.
        marks: Quality marks; see `asr.quality` for their meaning.
        model: Name of the model.
        provisional: Whether the transcript is interim.
        revision: Revision of the utterance.
    """

    utterance_id: str
    room_id: str
    speaker_id: str
    started_at: datetime
    ended_at: datetime
    language: str
    text: str
    words: Sequence[Word] = ()
    hypotheses: Sequence[str] = ()
    marks: Sequence[str] = ()
    model: str = ""
    provisional: bool = False
    revision: int = 0


@dataclass(frozen=True, slots=True)
class Unheard:
    """An utterance without a transcript, and the reason. It becomes a gap event."""

    utterance: Utterance
    reason: str


def utterance_id(room_id: str, speaker_id: str, started_at: datetime, part: int) -> str:
    """Return the id of this stretch of this speaker's speech: 24 hexadecimal digits."""
    key = "\x1f".join(
        (room_id, speaker_id, started_at.isoformat(timespec="milliseconds"), str(part))
    )
    return sha256(key.encode()).hexdigest()[:24]
