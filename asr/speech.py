"""What the recogniser is given and what it returns. Shared by every stage from the segmenter on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256

SAMPLE_RATE = 16_000
"""Samples a second of every `Utterance.pcm`."""


class EndedBy(StrEnum):
    """Why an utterance ended."""

    SILENCE = "silence"
    LENGTH = "length"
    """Cut inside unbroken speech; the next part overlaps this one."""
    LEFT = "left"
    """The speaker's track ended."""
    OPEN = "open"
    """It has not: a look at speech that goes on."""


class WorkClass(StrEnum):
    """How urgent an utterance is; the first is worked on first."""

    HOT_FINAL = "hot_final"
    """Of a speaker or room with a recent hit, or what confirms a provisional alert."""
    FINAL = "final"
    HOT_PARTIAL = "hot_partial"
    PARTIAL = "partial"
    RETRY = "retry"
    """Heard again after a worker failed it."""


LOOKS = frozenset({WorkClass.HOT_PARTIAL, WorkClass.PARTIAL})
"""Speech that goes on: its end will be heard whatever comes of these."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """A stretch of one speaker's speech.

    Attributes:
        id: Made from room, speaker, start and part (`utterance_id`), so that hearing the same
            audio twice finds the first.
        started_at: When the first sample was spoken (UTC).
        pcm: int16 mono little-endian samples at `SAMPLE_RATE`.
        part: 0, or the number of the cut this part follows in unbroken speech.
        overlap_ms: How much of the start repeats the end of the part before.
        languages: ISO 639-1 codes that may be spoken; empty: any that the model knows.
        work: How urgent it is.
        revision: 0 once the speech has ended; n for the nth look at speech that goes on, which
            has the id that the whole will have.
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
        text: As the model wrote it, stripped; empty where it heard no speech.
        words: With times; empty where the model was not asked for them.
        hypotheses: Further readings of the same audio, best first, without `text` itself.
        marks: Names of doubts about the text; see `asr.quality` for their meaning.
        model: Name of the model that wrote it.
        provisional: The speaker had not finished.
        revision: As in `Utterance`.
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
    """An utterance that got no transcript, and why. Never silent: it becomes a gap event."""

    utterance: Utterance
    reason: str


def utterance_id(room_id: str, speaker_id: str, started_at: datetime, part: int) -> str:
    """The id that the same stretch of the same speaker always gets: 24 hexadecimal digits."""
    key = "\x1f".join(
        (room_id, speaker_id, started_at.isoformat(timespec="milliseconds"), str(part))
    )
    return sha256(key.encode()).hexdigest()[:24]
