"""Sounds without speech, made by rule and seed: int16 mono samples at 16 kHz."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from asr.speech import SAMPLE_RATE

Sound = NDArray[np.float64]
Maker = Callable[[np.random.Generator, int], Sound]
"""Makes a number of samples from a random generator, with peaks of about 1."""


def _time(count: int) -> Sound:
    return np.arange(count) / SAMPLE_RATE


def _silence(chance: np.random.Generator, count: int) -> Sound:
    return np.zeros(count)


def _tilted(chance: np.random.Generator, count: int, exponent: float) -> Sound:
    """Return noise with an amplitude of 1 / frequency ** exponent: 0 white, 0.5 pink, 1 brown."""
    spectrum = np.fft.rfft(chance.normal(size=count))
    spectrum *= 1 / np.maximum(1.0, np.arange(len(spectrum))) ** exponent
    sound: Sound = np.fft.irfft(spectrum, count)
    return sound / float(np.abs(sound).max())


def _band(chance: np.random.Generator, count: int, low: float, high: float) -> Sound:
    """Return noise between two frequencies, in Hz."""
    spectrum = np.fft.rfft(chance.normal(size=count))
    at = np.fft.rfftfreq(count, 1 / SAMPLE_RATE)
    spectrum[(at < low) | (at > high)] = 0
    sound: Sound = np.fft.irfft(spectrum, count)
    return sound / float(np.abs(sound).max())


def _tones(count: int, pitches: Sequence[float], weights: Sequence[float] = ()) -> Sound:
    weights = weights or [1 / (n + 1) for n in range(len(pitches))]
    parts = zip(pitches, weights, strict=True)
    summed = np.zeros(count)
    for pitch, weight in parts:
        summed += weight * np.sin(2 * np.pi * pitch * _time(count))
    return summed / max(1.0, sum(weights))


def _fan(chance: np.random.Generator, count: int) -> Sound:
    swing = 1 + 0.15 * np.sin(2 * np.pi * 11 * _time(count))
    return (0.7 * _tilted(chance, count, 0.6) + 0.3 * _tones(count, (110, 220, 330))) * swing


def _engine(chance: np.random.Generator, count: int) -> Sound:
    pace = 40 + 10 * np.sin(2 * np.pi * 0.2 * _time(count))
    phase = np.cumsum(pace) / SAMPLE_RATE
    sound = np.zeros(count)
    for n in range(1, 9):
        sound += np.sin(2 * np.pi * n * phase) / n
    return sound / 2


def _struck(
    chance: np.random.Generator, count: int, per_s: float, lasts_s: float, pitch: float = 0.0
) -> Sound:
    """Return blows of noise or of a tone at random times. Each dies away."""
    sound = np.zeros(count)
    size = min(count, round(6 * lasts_s * SAMPLE_RATE))
    fall = np.exp(-_time(size) / lasts_s)
    for at in chance.integers(0, max(1, count - size), max(1, round(per_s * count / SAMPLE_RATE))):
        blow = np.sin(2 * np.pi * pitch * _time(size)) if pitch else chance.normal(0, 0.4, size)
        sound[at : at + size] += chance.uniform(0.3, 1.0) * blow * fall
    return sound


def _breath(chance: np.random.Generator, count: int) -> Sound:
    swell = np.maximum(0, np.sin(2 * np.pi * _time(count) / 3)) ** 2
    made: Sound = _band(chance, count, 300, 4_000) * swell
    return made


def _wind(chance: np.random.Generator, count: int) -> Sound:
    gusts = np.interp(_time(count), np.arange(0, 60, 0.7), chance.uniform(0.1, 1.0, 86))
    return _tilted(chance, count, 0.9) * gusts


def _surf(chance: np.random.Generator, count: int) -> Sound:
    swell = 0.2 + 0.8 * np.sin(np.pi * _time(count) / 4) ** 2
    return _tilted(chance, count, 0.4) * swell


def _crowd(chance: np.random.Generator, count: int) -> Sound:
    """Return a crowd's murmur: noise in the bands of a voice, each with its own swell."""
    edges = (150, 300, 500, 800, 1_200, 1_800, 2_700, 4_000)
    times = np.arange(0, 60, 0.15)
    sound = np.zeros(count)
    for n, (low, high) in enumerate(zip(edges, edges[1:], strict=False)):
        swell = np.interp(_time(count), times, chance.uniform(0.5, 1.0, len(times)))
        sound += _band(chance, count, low, high) * swell / (n + 1)
    return sound / 2


_SCALE = (220.0, 246.9, 277.2, 293.7, 329.6, 370.0, 415.3, 440.0)


def _melody(
    chance: np.random.Generator,
    count: int,
    *,
    notes_per_s: float,
    partials: int,
    fall: float,
    vibrato: float = 0.0,
    rise_s: float = 0.0,
) -> Sound:
    """Return notes of a scale one after another.

    Args:
        fall: Decay of a note, per second.
        vibrato: Change of its pitch, as a share, six times a second.
    """
    size = round(SAMPLE_RATE / notes_per_s)
    sound = np.zeros(count)
    rise = np.minimum(1, _time(size) / rise_s) if rise_s else np.ones(size)
    for at in range(0, count, size):
        pitch = float(chance.choice(_SCALE))
        here = _time(min(size, count - at))
        phase = pitch * (here - vibrato / (12 * np.pi) * np.cos(12 * np.pi * here))
        note = sum(
            (np.sin(2 * np.pi * n * phase) / n for n in range(1, partials + 1)),
            np.zeros(len(here)),
        )
        sound[at : at + size] += note * np.exp(-fall * here) * rise[: len(here)]
    return sound / 2


def _chords(chance: np.random.Generator, count: int) -> Sound:
    time = _time(count)
    struck = (np.exp(-3 * ((time + n / 4) % 1)) for n in range(4))
    pitches = (220.0, 277.2, 329.6, 440.0)
    parts = zip(pitches, struck, strict=True)
    return (
        sum((np.sin(2 * np.pi * pitch * time) * fall for pitch, fall in parts), np.zeros(count)) / 3
    )


def _drums(chance: np.random.Generator, count: int) -> Sound:
    """Kick, snare and hi-hat at 120 beats a minute."""
    time, sound = _time(count), np.zeros(count)
    beat = time % 0.5
    sound += np.sin(2 * np.pi * (50 * beat + 6 * (1 - np.exp(-30 * beat)))) * np.exp(-12 * beat)
    snare = (time + 0.5) % 1.0
    sound += chance.normal(0, 0.3, count) * np.exp(-20 * snare)
    hat = time % 0.25
    return (sound + chance.normal(0, 0.15, count) * np.exp(-60 * hat)) / 2


def _band_playing(chance: np.random.Generator, count: int) -> Sound:
    tune = _melody(chance, count, notes_per_s=4, partials=6, fall=4)
    bass = _melody(chance, count, notes_per_s=2, partials=3, fall=3)
    return 0.4 * _drums(chance, count) + 0.35 * tune + 0.25 * bass


def _ringing(chance: np.random.Generator, count: int) -> Sound:
    """A telephone: 425 Hz, one second on and four off."""
    return _tones(count, (425.0,)) * (_time(count) % 5 < 1)


def _dialling(chance: np.random.Generator, count: int) -> Sound:
    """Keys of a telephone, five in a second."""
    sound, size = np.zeros(count), SAMPLE_RATE // 5
    for at in range(0, count, size):
        low, high = chance.choice((697, 770, 852, 941)), chance.choice((1209, 1336, 1477))
        piece = _tones(min(size, count - at), (float(low), float(high)), (1.0, 1.0))
        sound[at : at + size] = piece * (np.arange(len(piece)) < size * 0.6)
    return sound


def _rising(chance: np.random.Generator, count: int) -> Sound:
    time = _time(count)
    return np.sin(2 * np.pi * (100 + 1_500 / max(1.0, count / SAMPLE_RATE) * time) * time)


def _siren(chance: np.random.Generator, count: int) -> Sound:
    pitch = 700 + 300 * np.sin(2 * np.pi * 0.5 * _time(count))
    return np.sin(2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE)


def _birds(chance: np.random.Generator, count: int) -> Sound:
    sound, size = np.zeros(count), SAMPLE_RATE // 8
    for at in range(0, count - size, round(SAMPLE_RATE * 0.4)):
        pitch = chance.uniform(2_500, 4_500) + chance.uniform(-800, 800) * _time(size) * 8
        sound[at : at + size] = np.sin(2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE) * np.hanning(
            size
        )
    return sound


def _rustle(chance: np.random.Generator, count: int) -> Sound:
    """A microphone in a pocket."""
    return 0.4 * _struck(chance, count, 12, 0.03) + _tilted(chance, count, 1) * 0.4


KINDS: dict[str, Maker] = {
    "silence": _silence,
    "dither": lambda chance, count: chance.normal(0, 1e-4, count),
    "white noise": partial(_tilted, exponent=0.0),
    "pink noise": partial(_tilted, exponent=0.5),
    "brown noise": partial(_tilted, exponent=1.0),
    "hum of 50 Hz": lambda chance, count: _tones(count, (50, 100, 150, 250, 350)),
    "hum of 60 Hz": lambda chance, count: _tones(count, (60, 120, 180, 300)),
    "fan": _fan,
    "engine": _engine,
    "clicks": partial(_struck, per_s=2, lasts_s=0.001),
    "keyboard": partial(_struck, per_s=6, lasts_s=0.008),
    "knocks": partial(_struck, per_s=2, lasts_s=0.03, pitch=180.0),
    "dishes": partial(_struck, per_s=3, lasts_s=0.05, pitch=2_600.0),
    "applause": partial(_struck, per_s=80, lasts_s=0.01),
    "breath": _breath,
    "wind": _wind,
    "surf": _surf,
    "rain": lambda chance, count: (
        _tilted(chance, count, 0.2) * 0.4 + _struck(chance, count, 150, 0.002) * 0.4
    ),
    "crowd": _crowd,
    "rustling": _rustle,
    "chords": _chords,
    "piano": partial(_melody, notes_per_s=4, partials=5, fall=5.0),
    "guitar": partial(_melody, notes_per_s=6, partials=10, fall=6.0),
    "organ": partial(_melody, notes_per_s=2, partials=8, fall=0.0),
    "violin": partial(
        _melody, notes_per_s=3, partials=12, fall=0.5, vibrato=0.02, rise_s=0.08
    ),
    "flute": partial(_melody, notes_per_s=3, partials=2, fall=0.3, vibrato=0.01, rise_s=0.05),
    "drums": _drums,
    "a band": _band_playing,
    "ringing": _ringing,
    "dialling": _dialling,
    "a tone that rises": _rising,
    "siren": _siren,
    "birds": _birds,
}  # fmt: skip


def no_speech(kind: str, seconds: float, *, dbfs: float = -16.0, seed: int = 0) -> bytes:
    """`dbfs` is the loudness of its peaks."""
    count = round(seconds * SAMPLE_RATE)
    made = KINDS[kind](np.random.default_rng([seed, len(kind)]), count)
    peak = float(np.abs(made).max())
    scale = 0.0 if peak == 0 else 10 ** (dbfs / 20) * 32_767 * (1 if kind == "dither" else 1 / peak)
    return np.clip(made * scale, -32_768, 32_767).astype(np.int16).tobytes()
