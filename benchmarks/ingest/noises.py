"""Sounds without speech, the same at every run: float samples at 16 kHz, of any loudness."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from asr.speech import SAMPLE_RATE

Sound = NDArray[np.float64]
_CHORDS = ((220, 277, 330), (196, 247, 294), (175, 220, 262), (247, 311, 370))
_CLICKS_A_SECOND = 4


def white(samples: int) -> Sound:
    return _coloured(samples, 0.0)


def pink(samples: int) -> Sound:
    return _coloured(samples, 0.5)


def brown(samples: int) -> Sound:
    return _coloured(samples, 1.0)


def hum(samples: int) -> Sound:
    """Return mains hum with two harmonics."""
    return _tones(np.arange(samples), (50, 100, 150))


def music(samples: int) -> Sound:
    """Return plucked chords with harmonics, two a second."""
    made = np.zeros(samples)
    length = SAMPLE_RATE // 2
    for number, at in enumerate(range(0, samples, length)):
        time = np.arange(min(length, samples - at))
        tones = [tone * n for tone in _CHORDS[number // 2 % len(_CHORDS)] for n in (1, 2, 3)]
        made[at : at + length] = _tones(time, tones) * np.exp(-3 * time / SAMPLE_RATE)
    return made


def clicks(samples: int) -> Sound:
    """Return keys and knocks: bursts of 12 ms, four a second on average."""
    chance = np.random.default_rng(5)
    made = np.zeros(samples)
    for at in chance.integers(0, samples - 200, samples * _CLICKS_A_SECOND // SAMPLE_RATE):
        made[at : at + 200] += chance.standard_normal(200) * np.exp(-np.arange(200) / 40)
    return made


NOISES: Mapping[str, Callable[[int], Sound]] = {
    "white": white,
    "pink": pink,
    "brown": brown,
    "hum": hum,
    "music": music,
    "clicks": clicks,
}


def _coloured(samples: int, slope: float) -> Sound:
    """Return noise with an amplitude of frequency to the power -slope."""
    spectrum = np.fft.rfft(np.random.default_rng(4).standard_normal(samples))
    frequency = np.fft.rfftfreq(samples, 1 / SAMPLE_RATE)
    return np.fft.irfft(spectrum / np.maximum(frequency, 20.0) ** slope, samples)


def _tones(time: NDArray[np.int64], tones: tuple[int, ...] | list[int]) -> Sound:
    made: Sound = sum(
        (np.sin(2 * np.pi * tone * time / SAMPLE_RATE) for tone in tones), np.zeros(len(time))
    )
    return made
