"""A phrase said several times, through the path of a live track."""

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
from service.listening.silero import load_silero
from service.listening.vad import webrtc_vad
from service.verdict.transcript_matches import TranscriptMatcher
from tests.asr.examples import START


class Outcome(StrEnum):
    ALERT = "alert"
    REVIEW = "review"
    NOTHING = "nothing"
    """The words match, but a mark suppressed the match."""
    MISHEARD = "misheard"
    """The model wrote other words. They match nothing, with or without marks."""


@dataclass(frozen=True, slots=True)
class RepeatResult:
    """Result of a phrase said `times` times.

    Attributes:
        marks: Quality marks of each utterance.
        matches: Matches of the words with these marks.
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


def repeat_recordings(recordings: Sequence[bytes], times: int, pause_s: float = 0.0) -> bytes:
    """Return the recordings in turn, `times` in all."""
    pause = bytes(2 * round(pause_s * SAMPLE_RATE))
    return b"".join(recordings[n % len(recordings)] + pause for n in range(times))


def cut_utterances(pcm: bytes, language: str) -> Iterator[Utterance]:
    """Cut sound like a live track: at pauses, and at the longest utterance."""
    segmenter = Segmenter(webrtc_vad(), second=load_silero().listen())
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


def transcribe_track(
    transcriber: Transcriber, pcm: bytes, language: str
) -> list[tuple[Utterance, Transcript]]:
    said = list(cut_utterances(pcm, language))
    return [(one, transcriber.transcribe([one])[0]) for one in said]


def match_repeats(
    matcher: Matcher, transcribed: Sequence[tuple[Utterance, Transcript]], phrase: str, times: int
) -> RepeatResult:
    unmarked = [(utterance, replace(transcript, marks=())) for utterance, transcript in transcribed]
    return RepeatResult(
        phrase,
        times,
        [transcript.marks for _, transcript in transcribed],
        _matches(matcher, transcribed),
        _matches(matcher, unmarked),
    )


def _matches(matcher: Matcher, transcribed: Sequence[tuple[Utterance, Transcript]]) -> list[Match]:
    transcripts = TranscriptMatcher(lambda: matcher)
    found = [
        transcripts.match_final(utterance, transcript, None)
        for utterance, transcript in transcribed
    ]
    return [match for matches in found for match in matches.live]


def format_table(rows: Sequence[RepeatResult]) -> str:
    """Return a line for each result, and the count of each outcome."""
    counts = Counter(row.outcome for row in rows)
    total = ", ".join(f"{counts[outcome]} {outcome}" for outcome in Outcome)
    return "\n".join([*map(str, rows), total])
