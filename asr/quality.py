"""Signs that a model made words up, as names on the transcript.

Whisper models write fluent text on silence, noise and music, and loop on what they cannot make
out. Such text is kept and shown with its marks. With one of `DOUBTS` it is for review at most,
unless the sound explains it (`SPOKEN`); what was surely not said (`NOT_SPOKEN`) raises nothing.
`asr.evidence` tells which.

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
"""The model thinks that nobody spoke, and is not sure of its words."""
COMPRESSION = "compression"
"""The text compresses as only repetition does."""
REPETITION = "repetition"
"""The same few words over and over in a row."""
TOO_FAST = "too_fast"
"""More words than anybody says in this time."""
PHANTOM = "phantom"
"""A phrase that models are known to write where nobody speaks, where hardly anything is heard."""
NOISE = "noise"
"""Sound as steady as no speech is, hum or music, of whose words the model is not quite sure."""
UNSURE = "unsure"
"""The model is not sure of its words. Not a doubt that anybody spoke: it may alert."""

SPOKEN = "spoken"
"""The sound has these words, repeats and all: it explains the marks in `EXPLAINED`."""
NOT_SPOKEN = "not_spoken"
"""The sound has no speech that could be these words."""

DOUBTS = frozenset({NO_SPEECH, COMPRESSION, REPETITION, TOO_FAST, PHANTOM, NOISE})
"""Marks of text that must not raise an alert by itself."""
REPEATS = frozenset({COMPRESSION, REPETITION})
EXPLAINED = REPEATS | {TOO_FAST}
"""Doubts about the text alone, which the sound may dispel."""
MARKS = DOUBTS | {UNSURE, SPOKEN, NOT_SPOKEN}


class Trust(StrEnum):
    """What a transcript's marks make of its words."""

    SURE = "sure"
    DOUBTFUL = "doubtful"
    """For review at most."""
    NONE = "none"
    """Nobody said them."""


_NO_SPEECH = 0.6
_LEAST_LOGPROB = -1.0
_COMPRESSION = 2.4
_TOKENS_PER_S = 8.0
_CHARACTERS_PER_S = 10.0
"""Of languages written without spaces, where a character may be one token or three."""
_LEAST_MS = 1_000
"""A short shout is not measured by its rate."""
_LOOPED_WORDS = 12
_LOOPED_TIMES = 4
_LONGEST_LOOP = 8

_FRAME = SAMPLE_RATE // 50
_STANDS_OUT = 4.0
"""Amplitude of speech over the floor beneath it: 12 dB."""
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
"""All that was written."""
_PHANTOM_PART = (
    "thanks for watching", "thank you for watching", "thanks for listening",
    "please subscribe", "like and subscribe", "subscribe to my channel",
    "see you in the next video",
    "subtitles by", "captions by", "amara org", "transcribed by", "transcription by",
    "字幕由", "字幕志愿者", "字幕志願者", "字幕组", "字幕組", "请订阅", "請訂閱", "请不吝点赞",
    "請不吝點贊", "请不吝點贊", "點贊訂閱", "点赞订阅", "明镜与点点", "明鏡與點點", "優優獨播劇場",
    "感谢观看", "感謝觀看", "感谢收看", "感謝收看",
)  # fmt: skip
"""Anywhere in it."""


@dataclass(frozen=True, slots=True)
class Signs:
    """What is known of a text.

    Attributes:
        tokens: Of the text, as the model counts.
        no_speech: The model's probability that nobody spoke.
        avg_logprob: Of its tokens, in the mean.
        active: Share of the sound that stands out as speech does (`active_share`).
        swing_db: Between its loud and its soft moments (`level_swing_db`).
    """

    text: str
    language: str
    duration_ms: int
    tokens: int
    no_speech: float
    avg_logprob: float
    active: float
    swing_db: float


def marks(signs: Signs) -> tuple[str, ...]:
    """The marks that a text deserves; none where there is no text."""
    if not signs.text:
        return ()
    found = {
        NO_SPEECH: _no_speech(signs),
        COMPRESSION: compression_ratio(signs.text) > _COMPRESSION,
        REPETITION: loops(units(signs.text, signs.language)),
        TOO_FAST: _too_fast(signs),
        PHANTOM: _hardly_heard(signs) and is_phantom(signs.text),
        NOISE: signs.swing_db < _STEADY_DB and signs.avg_logprob < _NOT_QUITE_SURE,
        UNSURE: signs.avg_logprob < _LEAST_LOGPROB,
    }
    return tuple(mark for mark, deserved in found.items() if deserved)


def nothing_said(signs: Signs) -> bool:
    """Plainly nothing: the model thinks that nobody spoke, and no sound stands out either."""
    return _no_speech(signs) and signs.active < _HARDLY_ACTIVE


def doubted(names: Sequence[str]) -> bool:
    """Whether text with these marks must not raise an alert by itself."""
    return trust(names) is not Trust.SURE


def trust(names: Sequence[str]) -> Trust:
    """Return how far words with these marks are to be believed.

    Marks of workers that did not judge the sound yet are doubtful.
    """
    if NOT_SPOKEN in names:
        return Trust.NONE
    doubts = DOUBTS.intersection(names)
    if SPOKEN in names:
        doubts -= EXPLAINED
    return Trust.DOUBTFUL if doubts else Trust.SURE


def compression_ratio(text: str) -> float:
    """By how much zlib shortens the text."""
    data = text.encode()
    return len(data) / len(zlib.compress(data))


def loops(units: Sequence[str]) -> bool:
    """Up to eight words said four times or more in a row, together at least twelve."""
    for length in range(1, _LONGEST_LOOP + 1):
        same = 0
        for at in range(length, len(units)):
            same = same + 1 if units[at] == units[at - length] else 0
            repeated = same + length
            if repeated >= max(_LOOPED_WORDS, _LOOPED_TIMES * length):
                return True
    return False


def is_phantom(text: str) -> bool:
    """The text is, or holds, what models write where nobody speaks."""
    plain = _plain(text)
    return plain in _PHANTOM_WHOLE or any(phrase in plain for phrase in _PHANTOM_PART)


def active_share(pcm: bytes) -> float:
    """Share of 20 ms frames that are audible and stand out of what lies beneath (0 to 1).

    Silence, hum and steady noise have hardly any; speech with its pauses and syllables has most.
    """
    levels = _levels(pcm)
    if not levels.size:
        return 0.0
    floor = float(np.quantile(levels, 0.1))
    return float(np.mean(levels > max(_AUDIBLE, _STANDS_OUT * floor)))


def level_swing_db(pcm: bytes) -> float:
    """How much louder its loud moments are than its soft ones (90 % and 10 % of 20 ms frames)."""
    levels = _levels(pcm)
    if not levels.size:
        return 0.0
    soft, loud = np.maximum(np.quantile(levels, (0.1, 0.9)), 1.0)
    return float(20 * np.log10(loud / soft))


def _levels(pcm: bytes) -> NDArray[np.float64]:
    """Amplitude (RMS) of each whole frame."""
    samples = np.frombuffer(pcm[: len(pcm) // (2 * _FRAME) * 2 * _FRAME], np.int16)
    frames = samples.reshape(-1, _FRAME).astype(np.float64)
    levels: NDArray[np.float64] = np.sqrt((frames**2).mean(axis=1))
    return levels


def _no_speech(signs: Signs) -> bool:
    return signs.no_speech > _NO_SPEECH and signs.avg_logprob < _LEAST_LOGPROB


def _too_fast(signs: Signs) -> bool:
    seconds = max(signs.duration_ms, _LEAST_MS) / 1000
    if is_unspaced(signs.language):
        return len(units(signs.text, signs.language)) / seconds > _CHARACTERS_PER_S
    return signs.tokens / seconds > _TOKENS_PER_S


def _hardly_heard(signs: Signs) -> bool:
    return (
        signs.active < _HARDLY_ACTIVE
        or signs.no_speech > _PERHAPS_NO_SPEECH
        or signs.avg_logprob < _RATHER_UNSURE
    )


def is_unspaced(language: str) -> bool:
    """Whether the language is written without spaces."""
    return language in UNSPACED


def units(text: str, language: str) -> list[str]:
    """Words; characters where a language has no spaces."""
    plain = _plain(text)
    return [*plain.replace(" ", "")] if is_unspaced(language) else plain.split()


def _plain(text: str) -> str:
    """Lower case, letters and digits only, one space between words."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join("".join(c if c.isalnum() else " " for c in folded).split())
