"""The door to faster-whisper and CTranslate2: a batch of utterances to their transcripts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
from faster_whisper import WhisperModel, available_models, download_model
from faster_whisper.audio import pad_or_trim
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import get_suppressed_tokens
from numpy.typing import NDArray

from asr.cuda import prepare_cuda, remedy
from asr.models import MICRO, ModelUnavailable, check_directory, micro_directory
from asr.settings import AsrSettings
from asr.speech import SAMPLE_RATE, EndedBy, Transcript, Utterance, Word
from asr.stitch import UNSPACED
from asr.transcriber import TranscriptionFailed

_NO_SPEECH = 0.6
_LEAST_LOGPROB = -1.0
_FRAMES_PER_SECOND = 100
_CUDA_BATCH = 8


@dataclass(frozen=True, slots=True)
class _Reading:
    language: str
    tokens: list[int]
    text: str
    others: tuple[str, ...]
    silent: bool


class WhisperTranscriber:
    """Owns one model. Every call decodes its utterances as one batch of 30 s windows.

    An utterance is at most 30 s long. Languages may differ within a batch.
    """

    def __init__(self, model: WhisperModel, name: str, settings: AsrSettings) -> None:
        self._whisper = model
        self._beam_size = settings.beam_size
        self._readings = min(settings.hypotheses + 1, settings.beam_size)
        self.model = name
        self._tokenizers: dict[str, Tokenizer] = {}

    def describe(self) -> str:
        return f"{self._whisper.model.device}, {self._whisper.model.compute_type}"

    def transcribe(self, batch: Sequence[Utterance]) -> list[Transcript]:
        """One transcript for each utterance, in order; times for the parts of a cut monologue.

        Raises:
            TranscriptionFailed: CTranslate2 refused the batch.
        """
        try:
            features = np.stack([self._features(utterance.pcm) for utterance in batch])
            readings = self._decode(self._whisper.encode(features), batch)
            return [
                self._transcript(utterance, reading, window)
                for utterance, reading, window in zip(batch, readings, features, strict=True)
            ]
        except (RuntimeError, ValueError) as error:
            raise TranscriptionFailed(f"the model refused {len(batch)} utterances") from error

    def _features(self, pcm: bytes) -> NDArray[np.float32]:
        """Log-mel features of one 30 s window, (mels, 3000)."""
        sound = np.frombuffer(pcm, np.int16).astype(np.float32) / 32768.0
        mel = self._whisper.feature_extractor(sound)
        window: NDArray[np.float32] = pad_or_trim(mel[..., :-1])
        return window

    def _decode(self, encoded: Any, batch: Sequence[Utterance]) -> list[_Reading]:
        languages = self._languages(encoded, batch)
        tokenizers = [self._tokenizer(language) for language in languages]
        results = self._whisper.model.generate(
            encoded,
            [
                self._whisper.get_prompt(tokenizer, [], without_timestamps=True)
                for tokenizer in tokenizers
            ],
            beam_size=self._beam_size,
            num_hypotheses=self._readings,
            max_length=self._whisper.max_length,
            suppress_tokens=get_suppressed_tokens(tokenizers[0], (-1,)),
            return_scores=True,
            return_no_speech_prob=True,
        )
        readings = []
        for language, tokenizer, result in zip(languages, tokenizers, results, strict=True):
            tokens = [int(token) for token in result.sequences_ids[0]]
            logprob = result.scores[0] * len(tokens) / (len(tokens) + 1)
            silent = result.no_speech_prob > _NO_SPEECH and logprob < _LEAST_LOGPROB
            texts = [] if silent else [_text(tokenizer, each) for each in result.sequences_ids]
            text, *others = dict.fromkeys(texts) or [""]
            readings.append(_Reading(language, tokens, text, tuple(others), silent))
        return readings

    def _languages(self, encoded: Any, batch: Sequence[Utterance]) -> list[str]:
        """Each utterance's likeliest language of those that may be spoken."""
        if not self._whisper.model.is_multilingual:
            return ["en"] * len(batch)
        known = set(self._whisper.supported_languages)
        allowed = [[code for code in utterance.languages if code in known] for utterance in batch]
        if all(len(codes) == 1 for codes in allowed):
            return [codes[0] for codes in allowed]
        detected = self._whisper.model.detect_language(encoded)
        return [
            next(
                code for code in (token[2:-2] for token, _ in ranked) if not codes or code in codes
            )
            for codes, ranked in zip(allowed, detected, strict=True)
        ]

    def _tokenizer(self, language: str) -> Tokenizer:
        if language not in self._tokenizers:
            self._tokenizers[language] = Tokenizer(
                self._whisper.hf_tokenizer,
                self._whisper.model.is_multilingual,
                task="transcribe",
                language=language,
            )
        return self._tokenizers[language]

    def _transcript(
        self, utterance: Utterance, reading: _Reading, window: NDArray[np.float32]
    ) -> Transcript:
        words: Sequence[Word] = ()
        if reading.text and (utterance.part > 0 or utterance.ended_by is EndedBy.LENGTH):
            words = self._words(utterance, reading, window)
        return Transcript(
            utterance_id=utterance.id,
            room_id=utterance.room_id,
            speaker_id=utterance.speaker_id,
            started_at=utterance.started_at,
            ended_at=utterance.ended_at,
            language=reading.language,
            text=reading.text,
            words=words,
            hypotheses=reading.others,
            model=self.model,
        )

    def _words(
        self, utterance: Utterance, reading: _Reading, window: NDArray[np.float32]
    ) -> list[Word]:
        """Words with times by cross-attention alignment: what joining the parts of a cut needs.

        Encodes the window a second time, which only the rare cut parts pay for.
        """
        tokenizer = self._tokenizer(reading.language)
        text_tokens = [token for token in reading.tokens if token < tokenizer.eot]
        frames = utterance.duration_ms * _FRAMES_PER_SECOND // 1000
        encoded = self._whisper.encode(window)
        (alignment,) = self._whisper.find_alignment(tokenizer, [text_tokens], encoded, frames)
        return whole_words(alignment, spaced=reading.language not in UNSPACED)


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


def load(settings: AsrSettings) -> WhisperTranscriber:
    """Load the model and hear one second of silence with it, so that the first words do not wait.

    Raises:
        ModelUnavailable: with one sentence that says why and what to do.
    """
    path, name = _locate(settings)
    place = prepare_cuda(
        settings.device,
        settings.compute_type,
        count_devices=ctranslate2.get_cuda_device_count,
        cache_dir=settings.cache_dir,
    )
    threads = settings.threads or min(4, os.cpu_count() or 1)
    try:
        model = WhisperModel(
            str(path),
            device=place.device,
            device_index=place.index,
            compute_type=place.compute_type,
            cpu_threads=threads,
        )
    except Exception as error:  # tokenizers raises nothing more special
        raise ModelUnavailable(
            f"the model in {path} does not load on {place.device} as {place.compute_type}: "
            f"{error}; are its files whole? If so, {remedy(error)}"
        ) from error
    transcriber = WhisperTranscriber(model, name, settings)
    model.encode(transcriber._features(bytes(2 * SAMPLE_RATE)))
    return transcriber


def choose_device(device: str, compute_type: str) -> tuple[str, str]:
    """`auto` made concrete: CUDA where a device answers, and the type that suits it."""
    if device == "auto":
        device = "cuda" if ctranslate2.get_cuda_device_count() > 0 else "cpu"
    if compute_type == "auto":
        compute_type = "float16" if device == "cuda" else "int8"
    return device, compute_type


def batch_size(settings: AsrSettings) -> int:
    """How many utterances to give to the model at once.

    On a CPU a batch takes as long as its items one after the other, so that all but the last would
    wait for nothing.
    """
    device, _ = choose_device(settings.device.partition(":")[0], settings.compute_type)
    return settings.batch_size or (_CUDA_BATCH if device == "cuda" else 1)


def model_names() -> list[str]:
    """The names that faster-whisper knows how to fetch."""
    return [MICRO, *available_models()]


def fetch(name: str, cache_dir: Path | None) -> Path:
    """A named model's directory: from the cache, else from the hub.

    Raises:
        ModelUnavailable: unknown name, or neither cached nor reachable.
    """
    cache = str(cache_dir) if cache_dir else None
    try:
        return Path(download_model(name, local_files_only=True, cache_dir=cache))
    except (OSError, RuntimeError, ValueError):
        pass  # not cached, or not a name: asking the hub tells which
    try:
        return Path(download_model(name, cache_dir=cache))
    except ValueError as error:
        raise ModelUnavailable(
            f"no model is called {name!r}; `earshot models list` shows the names, "
            "or give a converted model's directory"
        ) from error
    except (OSError, RuntimeError) as error:
        raise ModelUnavailable(
            f"the model {name!r} is not cached and the model hub cannot be reached "
            f"({type(error).__name__}); fetch it on a connected machine with "
            f"`earshot models pull {name}` and copy it here, give a directory in "
            "EARSHOT_ASR_MODEL, or use EARSHOT_ASR_MODEL=micro for the demo"
        ) from error


def _locate(settings: AsrSettings) -> tuple[Path, str]:
    if settings.model == MICRO:
        return micro_directory(), MICRO
    path = Path(settings.model).expanduser()
    if path.exists() or os.sep in settings.model and settings.model[0] in "/.~":
        check_directory(path)
        return path, path.name
    return fetch(settings.model, settings.cache_dir), settings.model
