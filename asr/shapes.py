"""Models of Whisper's real shapes with random weights: real cost, nonsense text.

They measure throughput where no real weights are available. A model decodes a fixed number of
tokens and then ends by itself, in greedy and in beam search, so that a measurement needs no special
decoding: the position encodings push towards the end-of-text token from one position on, and away
from it before.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from ctranslate2.specs import whisper_spec
from numpy.typing import NDArray

from asr.models import micro_directory

Weights = NDArray[np.float32]

TOKENS = 24
"""Number of tokens for about 5 s of English speech."""
QUANTIZATIONS = ("float32", "float16", "bfloat16", "int8", "int8_float16", "int8_bfloat16")

_TEXT_TOKENS = 50_257
_AUDIO_POSITIONS = 1500
_TEXT_POSITIONS = 448
_PROMPT_TOKENS = 4
_SUPPRESSED = 82
"""Number of tokens that Whisper suppresses: brackets, music, symbols."""
_PUSH = 4.0
_POOL = 1 << 22
_LANGUAGES = (
    "en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no th "
    "ur hr bg lt la mi ml cy sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr "
    "pa si km sn yo so af oc ka be tg sd gu am yi lo uz fo ht ps tk nn mt sa lb my bo tl mg as tt "
    "haw ln ha ba jw su yue"
).split()


@dataclass(frozen=True, slots=True)
class Shape:
    """One of the published Whisper architectures."""

    name: str
    width: int
    encoder_layers: int
    decoder_layers: int
    heads: int
    mels: int = 80
    languages: int = 99

    @property
    def end_of_text(self) -> int:
        return _TEXT_TOKENS

    @property
    def prompt(self) -> list[int]:
        """English, transcribed, without timestamps."""
        start = _TEXT_TOKENS + 1
        after = start + 1 + self.languages
        return [start, start + 1, after + 1, after + 5]


SHAPES = {
    shape.name: shape
    for shape in (
        Shape("tiny", 384, 4, 4, 6),
        Shape("base", 512, 6, 6, 8),
        Shape("small", 768, 12, 12, 12),
        Shape("medium", 1024, 24, 24, 16),
        Shape("large-v3", 1280, 32, 32, 20, mels=128, languages=100),
        Shape("large-v3-turbo", 1280, 32, 4, 20, mels=128, languages=100),
    )
}


def build(
    shape: Shape, directory: Path, *, quantization: str, tokens: int = TOKENS, seed: int = 0
) -> Path:
    """Write a converted model that faster-whisper and CTranslate2 load; return its directory.

    Args:
        tokens: Number of tokens that it decodes for any sound, 1 to 200.
    """
    spec = whisper_spec.WhisperSpec(
        shape.encoder_layers, shape.heads, shape.decoder_layers, shape.heads
    )
    weights = _Weights(shape, seed)
    weights.fill_encoder(spec.encoder)
    weights.fill_decoder(spec.decoder, tokens)
    tokenizer, names = _tokenizer(shape)
    spec.register_vocabulary(names)
    start = shape.end_of_text + 1
    first_language = start + 1
    # As long as Whisper's own list: each costs something for every item at every step.
    others = first_language + shape.languages
    spec.config.suppress_ids = [*range(_SUPPRESSED), start, *range(others, others + 6)]
    spec.config.suppress_ids_begin = [shape.end_of_text]
    spec.config.lang_ids = list(range(first_language, first_language + shape.languages))
    layers = range(shape.decoder_layers // 2, shape.decoder_layers)
    spec.config.alignment_heads = [[*head] for head in product(layers, range(shape.heads))]
    spec.validate()
    spec.optimize(quantization=None if quantization == "float32" else quantization)
    directory.mkdir(parents=True, exist_ok=True)
    spec.save(str(directory))
    (directory / "tokenizer.json").write_text(json.dumps(tokenizer))
    (directory / "preprocessor_config.json").write_text(json.dumps(_sound(shape)))
    return directory


class _Weights:
    def __init__(self, shape: Shape, seed: int) -> None:
        self._shape = shape
        self._random = np.random.default_rng(seed)
        self._pool = self._random.standard_normal(_POOL, dtype=np.float32)
        self._depth = (2.0 * max(shape.encoder_layers, shape.decoder_layers)) ** -0.5

    def fill_encoder(self, encoder: Any) -> None:
        shape = self._shape
        width = shape.width
        encoder.conv1.weight = self._normal(width, shape.mels, 3, scale=(3 * shape.mels) ** -0.5)
        encoder.conv1.bias = np.zeros(width, np.float32)
        encoder.conv2.weight = self._normal(width, width, 3, scale=(3 * width) ** -0.5)
        encoder.conv2.bias = np.zeros(width, np.float32)
        encoder.position_encodings.encodings = _sinusoids(_AUDIO_POSITIONS, width)
        self._norm(encoder.layer_norm)
        for layer in encoder.layer:
            self._self_attention(layer.self_attention)
            self._feed_forward(layer.ffn)

    def fill_decoder(self, decoder: Any, tokens: int) -> None:
        width = self._shape.width
        vocabulary = _vocabulary_size(self._shape)
        end = self._normal(width, scale=1.0)
        end /= np.linalg.norm(end)
        embeddings = self._normal(vocabulary, width, scale=0.5 * width**-0.5)
        embeddings -= np.outer(embeddings @ end, end)
        embeddings[self._shape.end_of_text] = end
        last = _PROMPT_TOKENS - 1 + tokens
        push = np.where(np.arange(_TEXT_POSITIONS) < last, -_PUSH, _PUSH) * width**0.5
        positions = self._normal(_TEXT_POSITIONS, width, scale=0.5)
        decoder.embeddings.weight = embeddings
        decoder.position_encodings.encodings = (positions + np.outer(push, end)).astype(np.float32)
        self._norm(decoder.layer_norm)
        for layer in decoder.layer:
            self._self_attention(layer.self_attention)
            self._norm(layer.attention.layer_norm)
            self._linear(layer.attention.linear[0], width, width)
            self._linear(layer.attention.linear[1], 2 * width, width)
            self._linear(layer.attention.linear[2], width, width, scale=self._depth)
            self._feed_forward(layer.ffn)
        decoder.projection.weight = decoder.embeddings.weight

    def _self_attention(self, attention: Any) -> None:
        width = self._shape.width
        self._norm(attention.layer_norm)
        self._linear(attention.linear[0], 3 * width, width)
        self._linear(attention.linear[1], width, width, scale=self._depth)

    def _feed_forward(self, forward: Any) -> None:
        width = self._shape.width
        self._norm(forward.layer_norm)
        self._linear(forward.linear_0, 4 * width, width)
        self._linear(forward.linear_1, width, 4 * width, scale=self._depth)

    def _linear(self, spec: Any, rows: int, columns: int, *, scale: float = 1.0) -> None:
        spec.weight = self._normal(rows, columns, scale=scale * columns**-0.5)
        spec.bias = np.zeros(rows, np.float32)

    def _norm(self, spec: Any) -> None:
        spec.gamma = np.ones(self._shape.width, np.float32)
        spec.beta = np.zeros(self._shape.width, np.float32)

    def _normal(self, *size: int, scale: float) -> Weights:
        """Return runs of a pool of random numbers: for large models drawing all takes a minute."""
        count = int(np.prod(size))
        values = np.empty(count, np.float32)
        at = 0
        while at < count:
            start = int(self._random.integers(0, _POOL // 2))
            run = self._pool[start : start + count - at]
            values[at : at + len(run)] = run
            at += len(run)
        values *= np.float32(scale)
        return values.reshape(size)


def _sinusoids(positions: int, width: int) -> Weights:
    rates = np.exp(-np.log(10_000.0) / (width // 2 - 1) * np.arange(width // 2))
    angles = np.arange(positions)[:, None] * rates[None]
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)


def _vocabulary_size(shape: Shape) -> int:
    return _TEXT_TOKENS + len(_special_tokens(shape))


def _special_tokens(shape: Shape) -> list[str]:
    return [
        "<|endoftext|>",
        "<|startoftranscript|>",
        *(f"<|{code}|>" for code in _LANGUAGES[: shape.languages]),
        *("<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>"),
        *("<|nospeech|>", "<|notimestamps|>"),
        *(f"<|{n * 0.02:.2f}|>" for n in range(_AUDIO_POSITIONS + 1)),
    ]


def _tokenizer(shape: Shape) -> tuple[dict[str, Any], list[str]]:
    """Return the demo model's tokenizer, filled up to Whisper's size, and all names by id."""
    tokenizer: dict[str, Any] = json.loads((micro_directory() / "tokenizer.json").read_text())
    vocabulary: dict[str, int] = tokenizer["model"]["vocab"]
    for word in _made_up():
        if len(vocabulary) == _TEXT_TOKENS:
            break
        vocabulary.setdefault(word, len(vocabulary))
    special = _special_tokens(shape)
    tokenizer["added_tokens"] = [
        {
            "id": _TEXT_TOKENS + number,
            "content": content,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": number < len(special) - (_AUDIO_POSITIONS + 1),
        }
        for number, content in enumerate(special)
    ]
    return tokenizer, [*sorted(vocabulary, key=vocabulary.__getitem__), *special]


def _made_up() -> Iterator[str]:
    """Yield pronounceable words, each after the byte-level mark of a space."""
    syllables = [first + vowel for first in "bdfgklmnprstvz" for vowel in "aeiou"]
    for count in (2, 3):
        for parts in product(syllables, repeat=count):
            yield "\u0120" + "".join(parts)


def _sound(shape: Shape) -> dict[str, int]:
    return {
        "chunk_length": 30,
        "feature_size": shape.mels,
        "hop_length": 160,
        "n_fft": 400,
        "sampling_rate": 16_000,
    }
