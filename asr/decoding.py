"""Steps of one model: sound to features, features to text, text to word times."""

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

from asr.language import Ranked
from asr.mel import SparseFilters
from asr.shared_windows import Segment
from asr.speech import Word
from asr.stitch import UNSPACED

Features = NDArray[np.float32]

_TIMESTAMP_MS = 20


@dataclass(frozen=True, slots=True)
class DecodedWindow:
    """Result of decoding one window.

    Attributes:
        tokens: Tokens of the text, without special ones.
        others: Further readings, the best first, without `text` itself.
        segments: Segments with times; empty where times were not asked for.
        no_speech: Probability that the window has no speech.
        avg_logprob: Mean log-probability of the tokens.
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

    def compute_features(self, pcm: bytes, frames: int) -> Features:
        """Return log-mel features of one window, (mels, frames)."""
        sound = np.frombuffer(pcm, np.int16).astype(np.float32) / 32768.0
        mel = self._whisper.feature_extractor(sound)
        window: Features = pad_or_trim(mel[..., :-1], frames)
        return window

    def encode(self, windows: Features) -> Any:
        return self._whisper.encode(windows)

    def detect_languages(self, encoded: Any) -> list[Ranked]:
        """Return the languages of each window, the likeliest first."""
        return [
            [(token[2:-2], float(probability)) for token, probability in ranked]
            for ranked in self._whisper.model.detect_language(encoded)
        ]

    def decode_windows(
        self,
        encoded: Any,
        languages: Sequence[str],
        *,
        beam_size: int,
        readings: int = 1,
        timed: bool = False,
    ) -> list[DecodedWindow]:
        """Decode windows into text.

        Args:
            languages: Language of each window.
            readings: Readings to return, the best included.
            timed: Return segments with times, and no further readings.
        """
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
            _decoded(language, tokenizer, result, timed=timed)
            for language, tokenizer, result in zip(languages, tokenizers, results, strict=True)
        ]

    def time_words(self, encoded: Any, decoded: DecodedWindow, duration_ms: int) -> list[Word]:
        """Return the words of one window with times, by cross-attention alignment."""
        (alignment,) = self._align(encoded, [decoded], [duration_ms])
        return whole_words(alignment, spaced=decoded.language not in UNSPACED)

    def time_segment_words(
        self, encoded: Any, decoded: Sequence[DecodedWindow], durations_ms: Sequence[int]
    ) -> list[DecodedWindow]:
        """Return the windows with timed words in each segment. Times count from the window's start.

        The alignment knows no segments: a word's times may lie outside its segment.
        """
        aligned = self._align(encoded, decoded, durations_ms)
        return [
            replace(one, segments=_segments_with_words(one, pieces))
            for one, pieces in zip(decoded, aligned, strict=True)
        ]

    def _align(
        self, encoded: Any, decoded: Sequence[DecodedWindow], durations_ms: Sequence[int]
    ) -> list[Any]:
        """Return the pieces of words of each window, in faster-whisper's form."""
        found: dict[int, Any] = {}
        tokens = [list(one.tokens) for one in decoded]
        frames = [duration_ms // 10 for duration_ms in durations_ms]
        # A call handles one language, but always the whole batch: its encodings cannot be split.
        for language in {one.language for one in decoded}:
            pieces = self._whisper.find_alignment(
                self._tokenizer(language), tokens, encoded, frames
            )
            found |= {
                place: pieces[place]
                for place, one in enumerate(decoded)
                if one.language == language
            }
        return [found[place] for place in range(len(decoded))]

    def _tokenizer(self, language: str) -> Tokenizer:
        if language not in self._tokenizers:
            self._tokenizers[language] = Tokenizer(
                self._whisper.hf_tokenizer,
                self._whisper.model.is_multilingual,
                task="transcribe",
                language=language,
            )
        return self._tokenizers[language]


def _decoded(language: str, tokenizer: Tokenizer, result: Any, *, timed: bool) -> DecodedWindow:
    best = [int(token) for token in result.sequences_ids[0]]
    sequences = result.sequences_ids[:1] if timed else result.sequences_ids
    text, *others = dict.fromkeys(_text(tokenizer, each) for each in sequences)
    return DecodedWindow(
        language=language,
        tokens=[token for token in best if token < tokenizer.eot],
        text=text,
        others=[other for other in others if other],
        segments=_segments(tokenizer, best) if timed else (),
        no_speech=float(result.no_speech_prob),
        avg_logprob=float(result.scores[0]) * len(best) / (len(best) + 1),
    )


def _segments(tokenizer: Tokenizer, tokens: Sequence[int]) -> list[Segment]:
    """Return the text between each two timestamps. One without an end ends with the last token."""
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


def _segments_with_words(decoded: DecodedWindow, pieces: Sequence[Any]) -> list[Segment]:
    """Return the segments with words; without words where a piece lies over a segment's end."""
    ends = list(accumulate(len(segment.tokens) for segment in decoded.segments))
    begins = [0, *accumulate(len(piece["tokens"]) for piece in pieces)]
    if not set(ends) <= set(begins):
        return list(decoded.segments)
    shares: list[list[Any]] = [[] for _ in ends]
    for piece, at in zip(pieces, begins, strict=False):
        shares[bisect_right(ends, at)].append(piece)
    spaced = decoded.language not in UNSPACED
    return [
        replace(segment, words=whole_words(share, spaced=spaced))
        for segment, share in zip(decoded.segments, shares, strict=True)
    ]


def _text(tokenizer: Tokenizer, tokens: Sequence[int]) -> str:
    return str(tokenizer.decode([int(token) for token in tokens])).strip()


def whole_words(alignment: Sequence[Any], *, spaced: bool) -> list[Word]:
    """Return the words of the text from aligned pieces. Punctuation joins its word."""
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
