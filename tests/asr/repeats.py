"""One phrase said again and again, through the path that a live track takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from asr.speech import SAMPLE_RATE, Transcript, Utterance
from asr.transcriber import Transcriber
from policies.match import Match
from policies.matcher import Matcher
from service.listening.segmenter import Segmenter
from service.listening.silero import silero
from service.listening.vad import webrtc_vad
from service.verdict.transcript_matches import TranscriptMatcher
from tests.asr.examples import START


class Outcome(StrEnum):
    ALERT = "alert"
    REVIEW = "review"
    NOTHING = "nothing"
    """A mark silenced words that match."""
    MISHEARD = "misheard"
    """The model wrote other words, which match nothing whatever their marks."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of a phrase said `times` times.

    Attributes:
        marks: Of its utterances.
        matches: With these marks.
        believed: Matches of the same words without any mark.
    """

    phrase: str
    times: int
    marks: Sequence[Sequence[str]]
    matches: Sequence[Match]
    believed: Sequence[Match]

    @property
    def outcome(self) -> Outcome:
        if not self.matches:
            return Outcome.NOTHING if self.believed else Outcome.MISHEARD
        return Outcome.REVIEW if all(each.review for each in self.matches) else Outcome.ALERT

    def __str__(self) -> str:
        marks = " | ".join(",".join(each) or "-" for each in self.marks)
        return f"{self.outcome:8} {self.times} x {self.phrase:56} {marks}"


def repeated(takes: Sequence[bytes], times: int, pause_s: float = 0.0) -> bytes:
    """The takes in turn."""
    pause = bytes(2 * round(pause_s * SAMPLE_RATE))
    return b"".join(takes[n % len(takes)] + pause for n in range(times))


def utterances(pcm: bytes, language: str) -> Iterator[Utterance]:
    """As a track is cut: at pauses, and at the longest that an utterance may be."""
    segmenter = Segmenter(webrtc_vad(), second=silero().listen())
    around = bytes(SAMPLE_RATE), bytes(2 * SAMPLE_RATE)
    segments = [*segmenter.push(around[0] + pcm + around[1]), *segmenter.flush()]
    for number, segment in enumerate(segments):
        yield Utterance(
            id=f"u{number}",
            room_id="room",
            speaker_id="ann",
            started_at=START + timedelta(seconds=segment.start / SAMPLE_RATE),
            pcm=segment.pcm,
            ended_by=segment.ended_by,
            part=segment.part,
            overlap_ms=segment.overlap_ms,
            languages=(language,),
        )


def hear(transcriber: Transcriber, pcm: bytes, language: str) -> list[tuple[Utterance, Transcript]]:
    said = list(utterances(pcm, language))
    return [(one, transcriber.transcribe([one])[0]) for one in said]


def read(
    matcher: Matcher, heard: Sequence[tuple[Utterance, Transcript]], phrase: str, times: int
) -> Heard:
    unmarked = [(utterance, replace(transcript, marks=())) for utterance, transcript in heard]
    return Heard(
        phrase,
        times,
        [transcript.marks for _, transcript in heard],
        _matches(matcher, heard),
        _matches(matcher, unmarked),
    )


def _matches(matcher: Matcher, heard: Sequence[tuple[Utterance, Transcript]]) -> list[Match]:
    reader = TranscriptMatcher(lambda: matcher)
    readings = [reader.match_final(utterance, transcript, None) for utterance, transcript in heard]
    return [match for reading in readings for match in reading.live]


def table(rows: Sequence[Heard]) -> str:
    """What came of each, and of how many."""
    counts = Counter(row.outcome for row in rows)
    total = ", ".join(f"{counts[outcome]} {outcome}" for outcome in Outcome)
    return "\n".join([*map(str, rows), total])
