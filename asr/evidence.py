"""Judges doubted words by their sound: said for real, doubtful, or not spoken at all.

A decoder's loop and a person who says one thing again and again leave the same text. Three measures
of the sound tell them apart:

- Seconds of speech, by a detector that knows hum, noise and music. Where there is none, nobody
  said the words.
- Room for the words: nobody says more than so many syllables a second.
- Likeness: each real repeat sounds like the one before it, about as long ago as the text says.

The limits were measured: see docs/decisions/0019.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from asr.likelihood import WINDOW_BYTES, WINDOW_MS, Likelihood
from asr.quality import EXPLAINED, NOT_SPOKEN, REPEATS, SPOKEN, is_unspaced, units
from asr.speech import SAMPLE_RATE

Floats = NDArray[np.float32]

_SYLLABLES_PER_S = 9.0
"""The fastest readers of 17 languages reach 9.1: Coupé et al., "Different languages, similar
encoding efficiency" (2019)."""
_LETTERS_PER_SYLLABLE = 2.5
_SCRAP_S = 0.5
"""Silero takes the first notes of music for speech: up to 0.4 s of 33 kinds of sound."""
_POSSIBLE = 0.2
_PROOF = 2.0
"""As the segmenter's candidates: windows in a row from the one likelihood on are speech if they
sum up to the other."""

_NORMAL = 8_000.0
_MOST_GAIN = 30.0

_FRAME = SAMPLE_RATE // 50
_WINDOW = 512
_BAND_EDGES = np.round(np.geomspace(4, 200, 17)).astype(int)
"""FFT bins between which a band lies: 16 bands from 125 Hz to 6.2 kHz."""
_ALIKE_FRAMES = 15
"""Sound is compared in pieces of 0.3 s: longer ones differ in tempo, shorter ones by chance."""
_ALIKE = 0.62
"""Other speech reaches 0.60 at the most; repeats fall below 0.62 in noise only."""
_EARLIEST, _LATEST = 0.6, 1.5
"""Shares of the expected period: a model counts up to half as many repeats again."""
_PERIODIC = 0.6
"""Share of words that are the same one period before."""
_MOST_UNITS = 1_000


def judge(
    found: Sequence[str], text: str, language: str, pcm: bytes, likelihood: Likelihood
) -> tuple[str, ...]:
    """Return the marks of doubted words with `SPOKEN`, `NOT_SPOKEN` or neither added.

    Args:
        likelihood: A speech detector that has heard nothing yet.
    """
    pcm = normalised(pcm)
    speech = speech_windows(pcm, likelihood)
    speech_s = speech_seconds(speech)
    needed_s = syllables(text, language) / _SYLLABLES_PER_S
    if speech_s == 0 or speech_s < min(needed_s, _SCRAP_S):
        return (*found, NOT_SPOKEN)
    if EXPLAINED.isdisjoint(found):
        return tuple(found)
    if REPEATS.isdisjoint(found):
        said = needed_s <= speech_s
    else:
        times = copies(units(text, language))
        said = needed_s <= speech_s * _LATEST and sounds_repeated(pcm, speech, times)
    return (*found, SPOKEN) if said else tuple(found)


def normalised(pcm: bytes) -> bytes:
    """The samples, made louder or softer so that loud ones are as loud as everybody's."""
    samples = np.frombuffer(pcm, np.int16).astype(np.float32)
    loud = float(np.quantile(np.abs(samples), 0.99)) if samples.size else 0.0
    if loud < 1.0:
        return pcm
    louder = samples * min(_MOST_GAIN, _NORMAL / loud)
    made: bytes = np.clip(louder, -32_768, 32_767).astype(np.int16).tobytes()
    return made


def speech_windows(pcm: bytes, likelihood: Likelihood) -> Floats:
    """Return the likelihood of speech in each window of `WINDOW_MS`; 0 outside sure stretches."""
    padded = pcm.ljust(-(-len(pcm) // WINDOW_BYTES) * WINDOW_BYTES, b"\0")
    found = likelihood(padded) if padded else ()
    speech = np.zeros(len(found), np.float32)
    start, weight = 0, 0.0
    for at, likely in enumerate([*found, 0.0]):
        if likely >= _POSSIBLE:
            weight += likely
            continue
        if weight >= _PROOF:
            speech[start:at] = found[start:at]
        start, weight = at + 1, 0.0
    return speech


def speech_seconds(speech: Floats) -> float:
    """Length of the speech, each window by its likelihood: a chord that is half likely is half."""
    return float(speech.sum()) * WINDOW_MS / 1000


def syllables(text: str, language: str) -> float:
    """About how many syllables these words have: a character each, or 2.5 letters."""
    letters = sum(map(str.isalnum, text))
    return letters if is_unspaced(language) else letters / _LETTERS_PER_SYLLABLE


def copies(words: Sequence[str]) -> float:
    """Count the repeats in a text: its length by the shortest period that most of it has.

    1 where it has none. Words that were heard otherwise in some of the repeats do not matter.
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
    """Whether speech sounds as it did one period before or after, if said so many times."""
    if times < 2:
        return False
    return likeness(pcm, speech, times) >= _ALIKE


def likeness(pcm: bytes, speech: Floats, times: float) -> float:
    """Measure how alike pieces of speech one period apart are: 1 is the same.

    The period is the length of the speech by `times`.
    """
    spectra = _spectra(pcm)
    frames = np.arange(len(spectra)) * (_FRAME * 2) // WINDOW_BYTES
    spoken = np.flatnonzero(speech[np.minimum(frames, len(speech) - 1)] > 0)
    if len(spoken) < 2 * _ALIKE_FRAMES:
        return 0.0
    first, last = spoken[0], spoken[-1] + 1
    spectra = spectra[first:last] - spectra[spoken].mean(axis=0)
    spectra /= np.linalg.norm(spectra, axis=1, keepdims=True) + 1e-6
    best = _likest(spectra, (last - first) / times)[spoken - first]
    found = best[best > -1]
    return float(found.mean()) if found.size else 0.0


def _likest(spectra: Floats, period: float) -> Floats:
    """Return each frame's likeness to the likest piece about one period before or after.

    -1 where there is none.
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
    """Loudness of each band in each frame of 20 ms, as a logarithm."""
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
