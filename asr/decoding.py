"""One model's steps: sound to features, features to text, text to the times of its words."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.audio import pad_or_trim
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import get_suppressed_tokens
from numpy.typing import NDArray

from asr.coalesce import Segment
from asr.language import Ranked
from asr.mel import SparseFilters
from asr.speech import Word
from asr.stitch import UNSPACED

Features = NDArray[np.float32]

_TIMESTAMP_MS = 20


@dataclass(frozen=True, slots=True)
class Heard:
    """What the model made of a window.

    Attributes:
        tokens: Of the text alone.
        others: Further readings, best first, without `text` itself.
        segments: With times, where these were asked for.
    """

    language: str
    tokens: Sequence[int]
    text: str
    others: Sequence[str]
    segments: Sequence[Segment]
    no_speech: float
    avg_logprob: float


class Decoder:
    """A loaded model. Several threads may call it at once."""

    def __init__(self, model: WhisperModel) -> None:
        self._whisper = model
        model.feature_extractor.mel_filters = SparseFilters(model.feature_extractor.mel_filters)
        self._tokenizers: dict[str, Tokenizer] = {}
        self.languages = tuple(model.supported_languages)

    def describe(self) -> str:
        return f"{self._whisper.model.device}, {self._whisper.model.compute_type}"

    @property
    def multilingual(self) -> bool:
        return bool(self._whisper.model.is_multilingual)

    def features(self, pcm: bytes, frames: int) -> Features:
        """Log-mel features of one window of so many frames, (mels, frames)."""
        sound = np.frombuffer(pcm, np.int16).astype(np.float32) / 32768.0
        mel = self._whisper.feature_extractor(sound)
        window: Features = pad_or_trim(mel[..., :-1], frames)
        return window

    def encode(self, windows: Features) -> Any:
        return self._whisper.encode(windows)

    def detect(self, encoded: Any) -> list[Ranked]:
        """For each window the languages, the likeliest first."""
        return [
            [(token[2:-2], float(probability)) for token, probability in ranked]
            for ranked in self._whisper.model.detect_language(encoded)
        ]

    def generate(
        self,
        encoded: Any,
        languages: Sequence[str],
        *,
        beam_size: int,
        readings: int = 1,
        timed: bool = False,
    ) -> list[Heard]:
        """The words of each window; with `timed` its segments, too, and no other readings."""
        tokenizers = [self._tokenizer(language) for language in languages]
        results = self._whisper.model.generate(
            encoded,
            [
                self._whisper.get_prompt(tokenizer, [], without_timestamps=not timed)
                for tokenizer in tokenizers
            ],
            beam_size=beam_size,
            num_hypotheses=min(readings, beam_size),
            max_length=self._whisper.max_length,
            suppress_tokens=get_suppressed_tokens(tokenizers[0], (-1,)),
            return_scores=True,
            return_no_speech_prob=True,
        )
        return [
            _heard(language, tokenizer, result, timed=timed)
            for language, tokenizer, result in zip(languages, tokenizers, results, strict=True)
        ]

    def words(self, encoded: Any, heard: Heard, duration_ms: int) -> list[Word]:
        """The text's words with times, by cross-attention alignment in one encoded window."""
        (alignment,) = self._aligned(encoded, [heard], [duration_ms])
        return whole_words(alignment, spaced=heard.language not in UNSPACED)

    def with_words(
        self, encoded: Any, heard: Sequence[Heard], durations_ms: Sequence[int]
    ) -> list[Heard]:
        """The same, each segment with its words and their times in its window, of which the
        alignment knows nothing: a word may be timed outside its segment."""
        aligned = self._aligned(encoded, heard, durations_ms)
        return [
            replace(reading, segments=_with_words(reading, pieces))
            for reading, pieces in zip(heard, aligned, strict=True)
        ]

    def _aligned(
        self, encoded: Any, heard: Sequence[Heard], durations_ms: Sequence[int]
    ) -> list[Any]:
        """Of each window the pieces of words, as faster-whisper gives them."""
        found: dict[int, Any] = {}
        tokens = [list(reading.tokens) for reading in heard]
        frames = [duration_ms // 10 for duration_ms in durations_ms]
        # One language begins and splits all texts of a call; a batch's encodings stay together.
        for language in {reading.language for reading in heard}:
            pieces = self._whisper.find_alignment(
                self._tokenizer(language), tokens, encoded, frames
            )
            found |= {
                place: pieces[place]
                for place, reading in enumerate(heard)
                if reading.language == language
            }
        return [found[place] for place in range(len(heard))]

    def _tokenizer(self, language: str) -> Tokenizer:
        if language not in self._tokenizers:
            self._tokenizers[language] = Tokenizer(
                self._whisper.hf_tokenizer,
                self._whisper.model.is_multilingual,
                task="transcribe",
                language=language,
            )
        return self._tokenizers[language]


def _heard(language: str, tokenizer: Tokenizer, result: Any, *, timed: bool) -> Heard:
    best = [int(token) for token in result.sequences_ids[0]]
    sequences = result.sequences_ids[:1] if timed else result.sequences_ids
    text, *others = dict.fromkeys(_text(tokenizer, each) for each in sequences)
    return Heard(
        language=language,
        tokens=[token for token in best if token < tokenizer.eot],
        text=text,
        others=[other for other in others if other],
        segments=_segments(tokenizer, best) if timed else (),
        no_speech=float(result.no_speech_prob),
        avg_logprob=float(result.scores[0]) * len(best) / (len(best) + 1),
    )


def _segments(tokenizer: Tokenizer, tokens: Sequence[int]) -> list[Segment]:
    """Text between two timestamps; what has no end ends with the last token."""
    found: list[Segment] = []
    start_ms, said = 0, list[int]()
    for token in tokens:
        if token < tokenizer.timestamp_begin:
            said += [token] if token < tokenizer.eot else []
            continue
        at_ms = (token - tokenizer.timestamp_begin) * _TIMESTAMP_MS
        if said:
            found.append(Segment(start_ms, at_ms, _text(tokenizer, said), said))
        start_ms, said = at_ms, []
    if said:
        found.append(Segment(start_ms, start_ms, _text(tokenizer, said), said))
    return found


def _with_words(heard: Heard, pieces: Sequence[Any]) -> list[Segment]:
    """Without times where a piece lies over the end of a segment: nobody knows whose word it is."""
    ends = list(accumulate(len(segment.tokens) for segment in heard.segments))
    begins = [0, *accumulate(len(piece["tokens"]) for piece in pieces)]
    if not set(ends) <= set(begins):
        return list(heard.segments)
    shares: list[list[Any]] = [[] for _ in ends]
    for piece, at in zip(pieces, begins, strict=False):
        shares[bisect_right(ends, at)].append(piece)
    spaced = heard.language not in UNSPACED
    return [
        replace(segment, words=whole_words(share, spaced=spaced))
        for segment, share in zip(heard.segments, shares, strict=True)
    ]


def _text(tokenizer: Tokenizer, tokens: Sequence[int]) -> str:
    return str(tokenizer.decode([int(token) for token in tokens])).strip()


def whole_words(alignment: Sequence[Any], *, spaced: bool) -> list[Word]:
    """Aligned pieces as the words that the text is made of: punctuation is a piece of its own."""
    words: list[Word] = []
    for piece in alignment:
        word = Word(
            text=str(piece["word"]),
            start_ms=round(float(piece["start"]) * 1000),
            end_ms=round(float(piece["end"]) * 1000),
            probability=float(piece["probability"]),
        )
        if words and (not word.text.strip() or (spaced and not word.text.startswith(" "))):
            before = words.pop()
            end_ms = word.end_ms if any(map(str.isalnum, word.text)) else before.end_ms
            word = replace(before, text=before.text + word.text, end_ms=end_ms)
        words.append(word)
    return [replace(word, text=word.text.strip()) for word in words if word.text.strip()]
