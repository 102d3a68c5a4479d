"""Quality marks of a transcript: reasons to doubt that its words were spoken.

Whisper models write fluent text for silence, noise and music, and repeat themselves on unclear
sound. Such text is kept and shown with its marks. A text with a mark of `DOUBTS` is for review at
most, unless the sound explains it (`SPOKEN`). A text that nobody said (`NOT_SPOKEN`) raises no
alert. `asr.sound_check` decides between the two.

The thresholds are Whisper's own (no speech 0.6 with log-probability -1, compression 2.4). The
phantom phrases are those most often reported of Whisper on sound without speech: Barański et al.,
"Investigation of Whisper ASR Hallucinations Induced by Non-Speech Audio" (2025), Koenecke et al.,
"Careless Whisper" (2024), and discussion 928 of openai/whisper.
"""

from __future__ import annotations

import unicodedata
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from asr.speech import SAMPLE_RATE
from asr.stitch import UNSPACED

NO_SPEECH = "no_speech"
"""The model finds no speech and is not sure of its words."""
COMPRESSION = "compression"
"""The text compresses so well that it must repeat itself."""
REPETITION = "repetition"
"""The same few words over and over in a row."""
TOO_FAST = "too_fast"
"""More words than a person can say in this time."""
PHANTOM = "phantom"
"""A phrase that models often write for silence, on sound with hardly any speech."""
NOISE = "noise"
"""Sound steadier than any speech, such as hum or music, and a model not quite sure of its words."""
UNSURE = "unsure"
"""The model is not sure of its words. Somebody did speak, so the text may raise an alert."""

SPOKEN = "spoken"
"""The sound has room for these words and their repeats: it explains the marks in `EXPLAINED`."""
NOT_SPOKEN = "not_spoken"
"""The sound has no speech that could be these words."""

DOUBTS = frozenset({NO_SPEECH, COMPRESSION, REPETITION, TOO_FAST, PHANTOM, NOISE})
"""Marks of text that must not raise an alert by itself."""
REPEATS = frozenset({COMPRESSION, REPETITION})
EXPLAINED = REPEATS | {TOO_FAST}
"""Doubts about the text alone, which the sound may remove."""
MARKS = DOUBTS | {UNSURE, SPOKEN, NOT_SPOKEN}


class Trust(StrEnum):
    """Trust in a transcript's words."""

    SURE = "sure"
    DOUBTFUL = "doubtful"
    """The words are for review at most."""
    NONE = "none"
    """Nobody said the words."""


_NO_SPEECH = 0.6
_LEAST_LOGPROB = -1.0
_COMPRESSION = 2.4
_TOKENS_PER_S = 8.0
_CHARACTERS_PER_S = 10.0
"""Limit for languages without spaces, where a character may be one token or three."""
_LEAST_MS = 1_000
"""Length that a shorter utterance counts as: a shout has no rate."""
_LOOPED_WORDS = 12
_LOOPED_TIMES = 4
_LONGEST_LOOP = 8

_FRAME = SAMPLE_RATE // 50
_STANDS_OUT = 4.0
"""Amplitude of speech relative to the background: 12 dB."""
_AUDIBLE = 10 ** (-50 / 20) * 32768
_HARDLY_ACTIVE = 0.2
_PERHAPS_NO_SPEECH = 0.3
_RATHER_UNSURE = -0.7
_STEADY_DB = 6.0
_NOT_QUITE_SURE = -0.3

_PHANTOM_WHOLE = frozenset(
    {
        "you", "so", "bye", "bye bye", "thank you", "thank you very much", "thank you so much",
        "thanks", "the end", "oh", "silence", "music", "applause",
        "谢谢", "謝謝", "谢谢大家", "謝謝大家", "谢谢观看", "謝謝觀看", "谢谢收看", "謝謝收看",
        "字幕", "音乐", "音樂",
    }
)  # fmt: skip
"""Phantom phrases that are the whole text."""
_PHANTOM_PART = (
    "thanks for watching", "thank you for watching", "thanks for listening",
    "please subscribe", "like and subscribe", "subscribe to my channel",
    "see you in the next video",
    "subtitles by", "captions by", "amara org", "transcribed by", "transcription by",
    "字幕由", "字幕志愿者", "字幕志願者", "字幕组", "字幕組", "请订阅", "請訂閱", "请不吝点赞",
    "請不吝點贊", "请不吝點贊", "點贊訂閱", "点赞订阅", "明镜与点点", "明鏡與點點", "優優獨播劇場",
    "感谢观看", "感謝觀看", "感谢收看", "感謝收看",
)  # fmt: skip
"""Phantom phrases anywhere in the text."""


@dataclass(frozen=True, slots=True)
class Signs:
    """Measures of a text and its sound.

    Attributes:
        tokens: Number of the model's tokens in the text.
        no_speech: The model's probability that nobody spoke.
        avg_logprob: Mean log-probability of the tokens.
        active: Share of the sound that stands out like speech (`active_share`).
        swing_db: Difference between loud and soft moments (`level_swing_db`).
    """

    text: str
    language: str
    duration_ms: int
    tokens: int
    no_speech: float
    avg_logprob: float
    active: float
    swing_db: float


def find_marks(signs: Signs) -> tuple[str, ...]:
    """Return the marks of a text; none where it is empty."""
    if not signs.text:
        return ()
    found = {
        NO_SPEECH: _no_speech(signs),
        COMPRESSION: compression_ratio(signs.text) > _COMPRESSION,
        REPETITION: has_loop(split_units(signs.text, signs.language)),
        TOO_FAST: _too_fast(signs),
        PHANTOM: _hardly_audible(signs) and is_phantom(signs.text),
        NOISE: signs.swing_db < _STEADY_DB and signs.avg_logprob < _NOT_QUITE_SURE,
        UNSURE: signs.avg_logprob < _LEAST_LOGPROB,
    }
    return tuple(mark for mark, present in found.items() if present)


def nobody_spoke(signs: Signs) -> bool:
    """Whether both the model and the level say that nobody spoke."""
    return _no_speech(signs) and signs.active < _HARDLY_ACTIVE


def is_doubtful(names: Sequence[str]) -> bool:
    """Whether text with these marks must not raise an alert by itself."""
    return trust(names) is not Trust.SURE


def trust(names: Sequence[str]) -> Trust:
    """Return the trust in words with these marks.

    Workers of an older release do not judge the sound. Their marked words are doubtful.
    """
    if NOT_SPOKEN in names:
        return Trust.NONE
    doubts = DOUBTS.intersection(names)
    if SPOKEN in names:
        doubts -= EXPLAINED
    return Trust.DOUBTFUL if doubts else Trust.SURE


def compression_ratio(text: str) -> float:
    """Return the text's length relative to its length compressed by zlib."""
    data = text.encode()
    return len(data) / len(zlib.compress(data))


def has_loop(units: Sequence[str]) -> bool:
    """Whether up to eight words come four times or more in a row, at least twelve in all."""
    for length in range(1, _LONGEST_LOOP + 1):
        same = 0
        for at in range(length, len(units)):
            same = same + 1 if units[at] == units[at - length] else 0
            repeated = same + length
            if repeated >= max(_LOOPED_WORDS, _LOOPED_TIMES * length):
                return True
    return False


def is_phantom(text: str) -> bool:
    """Whether the text is, or contains, a phrase that models write for silence."""
    plain = _plain(text)
    return plain in _PHANTOM_WHOLE or any(phrase in plain for phrase in _PHANTOM_PART)


def active_share(pcm: bytes) -> float:
    """Return the share of 20 ms frames that are audible and above the background, 0 to 1.

    Silence, hum and steady noise have hardly any such frames; in speech most are.
    """
    levels = _levels(pcm)
    if not levels.size:
        return 0.0
    floor = float(np.quantile(levels, 0.1))
    return float(np.mean(levels > max(_AUDIBLE, _STANDS_OUT * floor)))


def level_swing_db(pcm: bytes) -> float:
    """Return the difference between the 90th and 10th percentile of 20 ms frames, in dB."""
    levels = _levels(pcm)
    if not levels.size:
        return 0.0
    soft, loud = np.maximum(np.quantile(levels, (0.1, 0.9)), 1.0)
    return float(20 * np.log10(loud / soft))


def _levels(pcm: bytes) -> NDArray[np.float64]:
    """Return the amplitude (RMS) of each whole frame."""
    samples = np.frombuffer(pcm[: len(pcm) // (2 * _FRAME) * 2 * _FRAME], np.int16)
    frames = samples.reshape(-1, _FRAME).astype(np.float64)
    levels: NDArray[np.float64] = np.sqrt((frames**2).mean(axis=1))
    return levels


def _no_speech(signs: Signs) -> bool:
    return signs.no_speech > _NO_SPEECH and signs.avg_logprob < _LEAST_LOGPROB


def _too_fast(signs: Signs) -> bool:
    seconds = max(signs.duration_ms, _LEAST_MS) / 1000
    if is_unspaced(signs.language):
        return len(split_units(signs.text, signs.language)) / seconds > _CHARACTERS_PER_S
    return signs.tokens / seconds > _TOKENS_PER_S


def _hardly_audible(signs: Signs) -> bool:
    return (
        signs.active < _HARDLY_ACTIVE
        or signs.no_speech > _PERHAPS_NO_SPEECH
        or signs.avg_logprob < _RATHER_UNSURE
    )


def is_unspaced(language: str) -> bool:
    """Whether the language is written without spaces."""
    return language in UNSPACED


def split_units(text: str, language: str) -> list[str]:
    """Return the words of a text; its characters where the language has no spaces."""
    plain = _plain(text)
    return [*plain.replace(" ", "")] if is_unspaced(language) else plain.split()


def _plain(text: str) -> str:
    """Return the text in lower case, with letters and digits only and single spaces."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join("".join(c if c.isalnum() else " " for c in folded).split())
