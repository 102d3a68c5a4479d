"""A language of tones, and a transcriber that understands it without errors.

A word is a burst of one frequency. A word cut off at an edge of the sound is garbled, as by a real
model. So everything that can go wrong at a cut goes wrong here, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from asr.speech import SAMPLE_RATE, Transcript, Utterance, Word

BLOCK_MS = 10
_BLOCK = SAMPLE_RATE * BLOCK_MS // 1000
_FIRST_CYCLES = 3
WORDS = tuple("ka ke ki ko ku ma me mi mo mu na ne ni no nu ra re ri ro ru".split())
CHARACTERS = tuple("天地人山水火木金土日月星云雨风雪花草石田")


@dataclass(frozen=True, slots=True)
class Burst:
    """A word with its length, the silence after it, and its loudness (0 to 1)."""

    word: int
    length_ms: int
    gap_ms: int
    loudness: float = 1.0


def sound(bursts: Sequence[Burst]) -> bytes:
    """Return the bursts as int16 mono samples at 16 kHz."""
    phase = 2 * np.pi * np.arange(_BLOCK) / _BLOCK
    pieces = [np.zeros(0)]
    for burst in bursts:
        wave = 8_000 * burst.loudness * np.sin((burst.word + _FIRST_CYCLES) * phase)
        pieces.append(np.tile(wave, burst.length_ms // BLOCK_MS))
        pieces.append(np.zeros(burst.gap_ms // BLOCK_MS * _BLOCK))
    return np.concatenate(pieces).astype(np.int16).tobytes()


@dataclass(frozen=True, slots=True)
class Listener:
    """An `asr.transcriber.Transcriber` for tones.

    Attributes:
        language: `en` for `WORDS` with spaces, `zh` for `CHARACTERS` without.
        garbled: Text for half a word; empty: half words are left out.
        timed: Whether words have times.
        off_ms: Returns the error of a word's times, by its number.
    """

    language: str = "en"
    garbled: str = "wha"
    timed: bool = True
    off_ms: Callable[[int], int] = lambda number: 0
    model: str = "tones"

    def describe(self) -> str:
        return "exact"

    def transcribe(self, batch: Sequence[Utterance]) -> list[Transcript]:
        return [self._transcript(utterance) for utterance in batch]

    def _transcript(self, utterance: Utterance) -> Transcript:
        written = CHARACTERS if self.language == "zh" else WORDS
        words = []
        for number, (word, start_ms, end_ms) in enumerate(_runs(utterance.pcm)):
            cut = start_ms == 0 or end_ms >= utterance.duration_ms
            text = self.garbled if cut else written[word]
            off_ms = self.off_ms(number)
            if text:
                words.append(Word(text, max(0, start_ms + off_ms), end_ms + off_ms, 0.9))
        space = "" if self.language == "zh" else " "
        return Transcript(
            utterance.id,
            utterance.room_id,
            utterance.speaker_id,
            utterance.started_at,
            utterance.ended_at,
            self.language,
            space.join(word.text for word in words),
            words if self.timed else (),
            model=self.model,
        )


def _runs(pcm: bytes) -> list[tuple[int, int, int]]:
    """Return each burst's word with its start and end, in milliseconds."""
    blocks = np.frombuffer(pcm, np.int16)[: len(pcm) // 2 // _BLOCK * _BLOCK]
    spectra = np.abs(np.fft.rfft(blocks.reshape(-1, _BLOCK), axis=1))
    loudest = np.where(spectra.max(axis=1) > 100, spectra.argmax(axis=1), 0)
    runs: list[tuple[int, int, int]] = []
    for at, cycles in enumerate(map(int, loudest)):
        start, end = at * BLOCK_MS, (at + 1) * BLOCK_MS
        word = cycles - _FIRST_CYCLES
        if cycles == 0:
            continue
        if runs and runs[-1][0] == word and runs[-1][2] == start:
            runs[-1] = (word, runs[-1][1], end)
        else:
            runs.append((word, start, end))
    return runs
