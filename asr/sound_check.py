"""Judging doubtful words by their sound: spoken, doubtful, or not spoken at all.

A decoder's loop and a person who repeats one sentence produce the same text. Three measures of the
sound tell them apart:

- Speech: its length, by a detector that knows hum, noise and music. Without any, nobody said the
  words.
- Room: a person says no more than a certain number of syllables a second.
- Likeness: a real repeat sounds like the one before it, one period earlier by the text.

The limits were measured: see docs/decisions/0019.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from asr.likelihood import POSSIBLE, PROOF, WINDOW_BYTES, WINDOW_MS, Likelihood
from asr.quality import EXPLAINED, NOT_SPOKEN, REPEATS, SPOKEN, is_unspaced, split_units
from asr.speech import SAMPLE_RATE

Floats = NDArray[np.float32]

_SYLLABLES_PER_S = 9.0
"""The fastest readers of 17 languages reach 9.1: Coupé et al., "Different languages, similar
encoding efficiency" (2019)."""
_LETTERS_PER_SYLLABLE = 2.5
_SCRAP_S = 0.5
"""Speech shorter than this proves nothing: Silero mistakes the first notes of music for speech, up
to 0.4 s in 33 kinds of sound."""

_NORMAL = 8_000.0
_MOST_GAIN = 30.0

_FRAME = SAMPLE_RATE // 50
_WINDOW = 512
_BAND_EDGES = np.round(np.geomspace(4, 200, 17)).astype(int)
"""FFT bins at the edges of 16 bands from 125 Hz to 6.2 kHz."""
_ALIKE_FRAMES = 15
"""Frames in a compared piece, 0.3 s: longer ones differ in tempo, shorter ones by chance."""
_ALIKE = 0.62
"""Likeness of a repeat. Other speech reaches 0.60; repeats fall below 0.62 only in noise."""
_EARLIEST, _LATEST = 0.6, 1.5
"""Shares of the expected period: a model may write half as many repeats again."""
_PERIODIC = 0.6
"""Share of words that equal those one period before."""
_MOST_UNITS = 1_000


def judge_by_sound(
    found: Sequence[str], text: str, language: str, pcm: bytes, likelihood: Likelihood
) -> tuple[str, ...]:
    """Return the marks of doubtful words, with `SPOKEN`, `NOT_SPOKEN` or neither added.

    Args:
        likelihood: A speech detector without earlier sound.
    """
    pcm = normalise_level(pcm)
    speech = find_speech(pcm, likelihood)
    speech_s = sum_speech_s(speech)
    needed_s = count_syllables(text, language) / _SYLLABLES_PER_S
    if speech_s == 0 or speech_s < min(needed_s, _SCRAP_S):
        return (*found, NOT_SPOKEN)
    if EXPLAINED.isdisjoint(found):
        return tuple(found)
    if REPEATS.isdisjoint(found):
        said = needed_s <= speech_s
    else:
        times = count_repeats(split_units(text, language))
        said = needed_s <= speech_s * _LATEST and sounds_repeated(pcm, speech, times)
    return (*found, SPOKEN) if said else tuple(found)


def normalise_level(pcm: bytes) -> bytes:
    """Return the samples, amplified so that loud ones have the same level for all speakers."""
    samples = np.frombuffer(pcm, np.int16).astype(np.float32)
    loud = float(np.quantile(np.abs(samples), 0.99)) if samples.size else 0.0
    if loud < 1.0:
        return pcm
    louder = samples * min(_MOST_GAIN, _NORMAL / loud)
    made: bytes = np.clip(louder, -32_768, 32_767).astype(np.int16).tobytes()
    return made


def find_speech(pcm: bytes, likelihood: Likelihood) -> Floats:
    """Return the likelihood of speech in each window of `WINDOW_MS`; 0 outside proven speech."""
    padded = pcm.ljust(-(-len(pcm) // WINDOW_BYTES) * WINDOW_BYTES, b"\0")
    found = likelihood(padded) if padded else ()
    speech = np.zeros(len(found), np.float32)
    start, weight = 0, 0.0
    for at, likely in enumerate([*found, 0.0]):
        if likely >= POSSIBLE:
            weight += likely
            continue
        if weight >= PROOF:
            speech[start:at] = found[start:at]
        start, weight = at + 1, 0.0
    return speech


def sum_speech_s(speech: Floats) -> float:
    """Return the length of the speech in seconds, each window weighted by its likelihood."""
    return float(speech.sum()) * WINDOW_MS / 1000


def count_syllables(text: str, language: str) -> float:
    """Estimate the syllables of a text: one for each character, or for 2.5 letters."""
    letters = sum(map(str.isalnum, text))
    return letters if is_unspaced(language) else letters / _LETTERS_PER_SYLLABLE


def count_repeats(words: Sequence[str]) -> float:
    """Count the repeats in a text: its length divided by the shortest period that most of it has.

    1 where it has no period. Some repeats may differ in a few words.
    """
    numbers = {word: number for number, word in enumerate(dict.fromkeys(words))}
    said = np.array([numbers[word] for word in words[:_MOST_UNITS]])
    same = [float(np.mean(said[n:] == said[:-n])) for n in range(1, len(said) // 2 + 1)]
    best = max(same, default=0.0)
    if best < _PERIODIC:
        return 1.0
    period = next(n for n, share in enumerate(same, 1) if share >= 0.9 * best)
    return len(said) / period


def sounds_repeated(pcm: bytes, speech: Floats, times: float) -> bool:
    """Whether speech that repeats `times` times sounds like that one period before or after."""
    if times < 2:
        return False
    return measure_likeness(pcm, speech, times) >= _ALIKE


def measure_likeness(pcm: bytes, speech: Floats, times: float) -> float:
    """Return the likeness of pieces of speech one period apart: 1 for equal ones.

    The period is the length of the speech divided by `times`.
    """
    spectra = _spectra(pcm)
    frames = np.arange(len(spectra)) * (_FRAME * 2) // WINDOW_BYTES
    spoken = np.flatnonzero(speech[np.minimum(frames, len(speech) - 1)] > 0)
    if len(spoken) < 2 * _ALIKE_FRAMES:
        return 0.0
    first, last = spoken[0], spoken[-1] + 1
    spectra = spectra[first:last] - spectra[spoken].mean(axis=0)
    spectra /= np.linalg.norm(spectra, axis=1, keepdims=True) + 1e-6
    best = _best_likeness(spectra, (last - first) / times)[spoken - first]
    found = best[best > -1]
    return float(found.mean()) if found.size else 0.0


def _best_likeness(spectra: Floats, period: float) -> Floats:
    """Return each frame's best likeness to a piece about one period before or after it.

    -1 where no such piece exists.
    """
    best = np.full(len(spectra), -1.0, np.float32)
    least = max(_ALIKE_FRAMES, round(_EARLIEST * period))
    most = min(round(_LATEST * period), len(spectra) - _ALIKE_FRAMES)
    for lag in range(least, most + 1):
        alike = np.einsum("ij,ij->i", spectra[lag:], spectra[:-lag])
        summed = np.concatenate(([0.0], np.cumsum(alike)))
        mean = (summed[_ALIKE_FRAMES:] - summed[:-_ALIKE_FRAMES]) / _ALIKE_FRAMES
        size = len(mean)
        np.maximum(best[:size], mean, out=best[:size])
        np.maximum(best[lag : lag + size], mean, out=best[lag : lag + size])
    return best


def _spectra(pcm: bytes) -> Floats:
    """Return the logarithm of the power in each band, (frames of 20 ms, bands)."""
    samples = np.frombuffer(pcm, np.int16).astype(np.float32)
    count = len(samples) // _FRAME
    edge = (_WINDOW - _FRAME) // 2
    padded = np.pad(samples, (edge, _WINDOW))
    pieces = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_FRAME][:count]
    power = np.abs(np.fft.rfft(pieces * np.hanning(_WINDOW).astype(np.float32))) ** 2
    bands = np.add.reduceat(power, _BAND_EDGES, axis=1)[:, :-1]
    floor = 1e-4 * float(bands.mean()) + 1.0 if bands.size else 1.0
    spectra: Floats = np.log(bands + floor).astype(np.float32)
    return spectra
