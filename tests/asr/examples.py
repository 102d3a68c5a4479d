"""Utterances and transcripts for the tests of recognition."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from asr.speech import EndedBy, Transcript, Utterance, Word

START = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)


def an_utterance(
    id_: str = "u1",
    pcm: bytes = bytes(32_000),
    *,
    part: int = 0,
    ended_by: EndedBy = EndedBy.SILENCE,
    overlap_ms: int = 0,
) -> Utterance:
    return Utterance(id_, "room", "ann", START, pcm, ended_by, part=part, overlap_ms=overlap_ms)


def a_transcript(
    text: str,
    *,
    id_: str = "u1",
    language: str = "en",
    words: Sequence[Word] = (),
    length_ms: int = 12_000,
) -> Transcript:
    ended_at = START + timedelta(milliseconds=length_ms)
    return Transcript(id_, "room", "ann", START, ended_at, language, text, words)


def written(utterance: Utterance, text: str = "words") -> Transcript:
    """Return a transcript of this utterance."""
    return Transcript(
        utterance.id,
        utterance.room_id,
        utterance.speaker_id,
        utterance.started_at,
        utterance.ended_at,
        "en",
        text,
        model="fake",
        provisional=utterance.provisional,
        revision=utterance.revision,
    )
