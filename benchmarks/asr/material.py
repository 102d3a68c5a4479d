"""Clips of the simulation as utterances of many speakers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from asr.speech import SAMPLE_RATE, EndedBy, Utterance, utterance_id
from service.simulation.script import DEMO_SCRIPT, load_script
from service.simulation.voice import SAMPLE_RATE as CLIP_RATE
from service.simulation.voice import audible_range, read_clip, resample

Sound = NDArray[np.int16]

SPEAKERS = 16
UTTERANCES = 64
_START = datetime(2026, 1, 1, tzinfo=UTC)
_PAUSE = np.zeros(SAMPLE_RATE * 3 // 10, np.int16)
_EDGE = np.zeros(SAMPLE_RATE * 3 // 10, np.int16)
_LINES = (1, 1, 2, 3)
"""Lines in each of a speaker's utterances: 1 s to 10 s of speech."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A shipped clip at 16 kHz, from its first to its last audible sample."""

    text: str
    sound: Sound

    @property
    def seconds(self) -> float:
        return len(self.sound) / SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class Said:
    """An utterance and its words."""

    utterance: Utterance
    text: str


def voices() -> list[list[Sentence]]:
    """Return the sentences of each shipped voice."""
    return [
        [_sentence(line.text, read_clip(line.clip)) for line in speaker.lines]
        for speaker in load_script(DEMO_SCRIPT).speakers
    ]


def _sentence(text: str, clip: Sound) -> Sentence:
    first, end = audible_range(clip)
    return Sentence(text, resample(clip[first:end], CLIP_RATE, SAMPLE_RATE))


def utterances() -> list[Said]:
    """Return 64 utterances of 16 speakers in turn. A long one has several lines, 0.3 s apart."""
    known = voices()
    return [
        _said(known[speaker % len(known)], speaker, turn)
        for turn in range(UTTERANCES // SPEAKERS)
        for speaker in range(SPEAKERS)
    ]


def _said(voice: list[Sentence], speaker: int, turn: int) -> Said:
    first = speaker // 4 + 2 * turn
    count = _LINES[(speaker + turn) % len(_LINES)]
    sentences = [voice[(first + at) % len(voice)] for at in range(count)]
    sounds = [part for one in sentences for part in (one.sound, _PAUSE)][:-1]
    pcm = np.concatenate([_EDGE, *sounds, _EDGE]).tobytes()
    name = f"speaker-{speaker}"
    utterance = Utterance(
        id=utterance_id("bench", f"{name}-{turn}", _START, 0),
        room_id="bench",
        speaker_id=name,
        started_at=_START,
        pcm=pcm,
        ended_by=EndedBy.SILENCE,
        languages=("en",),
    )
    return Said(utterance, " ".join(sentence.text for sentence in sentences))
