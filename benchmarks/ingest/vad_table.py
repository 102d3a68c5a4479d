"""Voice activity detection in noise: webrtcvad alone, Silero alone, and the cascade of both.

The truth is a decision for each window of 32 ms, short pauses bridged. It comes from the labels
(`labels.py`); for unlabelled recordings and the shipped voices, from the loudness of the clean
sound. The cascade's decision is the speech marked in its segments, bridged in the same way. The
sound that the segments hand to the model, with pauses, pre-roll and tail, has its own rows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from asr.likelihood import WINDOW_BYTES, WINDOW_MS
from asr.speech import SAMPLE_RATE
from benchmarks.asr.material import Sentence, voices
from benchmarks.asr.progress import Run
from benchmarks.ingest.labels import Labels, labels_of
from benchmarks.ingest.noises import NOISES
from benchmarks.rows import Row
from service.listening.segmenter import Segment, Segmenter
from service.listening.silero import load_silero
from service.listening.sound_file import read_sound
from service.listening.vad import FRAME_BYTES, FRAME_MS, webrtc_vad

Windows = NDArray[np.bool_]
"""Decision for each window of 32 ms: True for speech."""
Samples = NDArray[np.int16]

_WINDOW = WINDOW_BYTES // 2
_PAUSES_S = (2.0, 3.0, 4.0)
_SNR_DB = (20, 10, 5)
_BAR_PERCENT = 3.0
_BAR_FROM_DB = 10
_VOICED_DBFS = -50.0
_ABOVE_FLOOR = 0.4
"""Position of the speech threshold in a recording, in decibels, between its noise (0) and its
loudest twentieth (1). The noise is its quietest tenth, or the quietest moment nearby."""
_FLOOR_WITHIN = 16
"""Windows on either side in which the noise is sought (0.5 s)."""
_SPOKEN_DBFS = -23.0
"""Level that the speech of each recording is scaled to, so that noise is equally loud for all."""
_BRIDGED = 10
"""Longest pause, in windows, that belongs to the speech around it (320 ms)."""
_EDGE = 2
"""Windows on either side of an edge of the truth that are uncertain (64 ms)."""
_LIKELY = 0.5
_VOICES_IN_BABBLE = 6
_RECORDINGS = (".flac", ".mp3", ".ogg", ".opus", ".wav")
_NO_SPEECH = "no_speech"
"""Part of the name of a recording without speech."""


@dataclass(frozen=True, slots=True)
class Material:
    """Clean sound with its truth.

    Attributes:
        speech: Mean power of the speech.
    """

    sound: Samples
    truth: Windows
    speech: float


@dataclass(frozen=True, slots=True)
class Found:
    """Result of a detector.

    Attributes:
        given: Windows that the segments hand to the model; None for a bare detector.
    """

    windows: Windows
    cpu_s: float
    given: Windows | None = None


def vad_table(
    run: Run,
    corpus: Path | None,
    *,
    sentences: Sequence[Sentence] = (),
    snr_db: Sequence[int] = _SNR_DB,
) -> None:
    """Measure the shipped voices, and the recordings in `corpus`.

    Args:
        sentences: Sentences to use; by default all that are shipped.
        snr_db: Signal-to-noise ratios, in dB.
    """
    sentences = sentences or [one for voice in voices() for one in voice]
    babble = [sentence.sound for sentence in sentences]
    _conditions(run, "voices", _of_voices(sentences), babble, snr_db)
    if corpus is None:
        run.say("no --corpus: real recordings are not measured")
        return
    files = [file for file in sorted(corpus.iterdir()) if file.suffix in _RECORDINGS]
    spoken = [file for file in files if _NO_SPEECH not in file.name]
    if spoken:
        _conditions(run, "recordings", _of_recordings(run, spoken), babble, snr_db)
    for file in files:
        if _NO_SPEECH in file.name:
            _without_speech(run, file)


def _conditions(
    run: Run, name: str, material: Material, babble: Sequence[Samples], levels: Sequence[int]
) -> None:
    length_s = len(material.sound) / SAMPLE_RATE
    run.say(f"{name}: {length_s:.0f} s, {100 * material.truth.mean():.0f} % speech")
    spent = dict.fromkeys(_DETECTORS, 0.0)
    conditions = 0
    for condition, snr_db, sound in _noisy(material, babble, levels):
        conditions += 1
        for way, detect in _DETECTORS.items():
            found = detect(sound)
            spent[way] += found.cpu_s
            held = way == _CASCADE and condition != "babble" and snr_db >= _BAR_FROM_DB
            at = condition if condition == "clean" else f"{condition} {snr_db} dB"
            _keep(run, f"{name}, {at}, {way}", material.truth, found, held)
    for way, cpu_s in spent.items():
        cost = 1000 * cpu_s / (length_s * conditions)
        run.keep(Row(f"{name}, {way}, CPU for a second of sound", round(cost, 2), "ms"))


def _keep(run: Run, name: str, truth: Windows, found: Found, held: bool) -> None:
    bar = _BAR_PERCENT if held else None
    missed, false = _faults(truth, found.windows, np.ones(len(truth), bool))
    run.keep(Row(f"{name}, missed", missed, "%", bar))
    run.keep(Row(f"{name}, false", false, "%", bar))
    if found.given is not None:
        missed, false = _faults(truth, found.windows, _inner(truth))
        run.keep(Row(f"{name}, missed, edges left out", missed, "%"))
        run.keep(Row(f"{name}, false, edges left out", false, "%"))
        lost = 100 * float(np.sum(truth & ~found.given) / np.sum(truth))
        run.keep(Row(f"{name}, speech not given to the recogniser", round(lost, 1), "%"))
        share = 100 * float(found.given.mean())
        run.keep(Row(f"{name}, given to the recogniser", round(share, 1), "%"))


def _faults(truth: Windows, found: Windows, counted: Windows) -> tuple[float, float]:
    """Return the percentages of speech that was missed and of other sound taken for speech."""
    missed = 100 * np.sum(truth & ~found & counted) / np.sum(truth & counted)
    false = 100 * np.sum(~truth & found & counted) / np.sum(~truth & counted)
    return round(float(missed), 1), round(float(false), 1)


def _inner(truth: Windows) -> Windows:
    """Return the windows that are not at an edge of speech."""
    inner = np.ones(len(truth), bool)
    for edge in np.flatnonzero(np.diff(truth.astype(np.int8))) + 1:
        inner[max(0, edge - _EDGE) : edge + _EDGE] = False
    return inner


def _without_speech(run: Run, file: Path) -> None:
    """Measure the false speech in a recording without speech."""
    sound = _read(file)
    for way, detect in _DETECTORS.items():
        share = 100 * float(detect(sound).windows.mean())
        bar = _BAR_PERCENT if way == _CASCADE else None
        run.keep(Row(f"{file.stem}, {way}, false", round(share, 1), "%", bar))


def _of_voices(sentences: Sequence[Sentence]) -> Material:
    """Return each sentence once, with pauses of two to four seconds."""
    pieces: list[Samples] = []
    pauses = cycle(_PAUSES_S)
    for sentence in sentences:
        pieces += [_silence(next(pauses)), sentence.sound]
    return _material(np.concatenate([*pieces, _silence(2.0)]), _VOICED_DBFS)


def _of_recordings(run: Run, files: Sequence[Path]) -> Material:
    sounds = [_read(file) for file in files]
    labels = [
        labels_of(file, len(sound) / SAMPLE_RATE) for file, sound in zip(files, sounds, strict=True)
    ]
    marked = sum(one is not None for one in labels)
    run.say(f"speech was marked by hand in {marked} of {len(files)} recordings")
    found = [_of_recording(sound, one) for sound, one in zip(sounds, labels, strict=True)]
    return Material(
        np.concatenate([one.sound for one in found]),
        np.concatenate([one.truth for one in found]),
        float(np.mean([one.speech for one in found])),
    )


def _of_recording(sound: Samples, labels: Labels | None) -> Material:
    levels = _dbfs(_whole(sound))
    quietest, loudest = np.percentile(levels, (10, 95))
    floor = np.maximum(quietest, _floor(levels))
    heard = _material(sound, np.maximum(_VOICED_DBFS, floor + _ABOVE_FLOOR * (loudest - floor)))
    power = (32768 * 10 ** (_SPOKEN_DBFS / 20)) ** 2
    louder = np.clip(heard.sound * np.sqrt(power / heard.speech), -32768, 32767)
    truth = heard.truth if labels is None else _bridged(_marked(labels, len(heard.truth)))
    return Material(louder.astype(np.int16), truth, power)


def _marked(labels: Labels, windows: int) -> Windows:
    """Return the windows whose middle lies within a label."""
    middles_s = (np.arange(windows) + 0.5) * WINDOW_MS / 1000
    marked = np.zeros(windows, bool)
    for first_s, last_s in labels:
        marked |= (first_s <= middles_s) & (middles_s < last_s)
    return marked


def _floor(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the noise level at each window: the quietest moment around it (R. Martin, 2001).

    It is local because the parts of a recording may come from different rooms.
    """
    smooth = np.convolve(np.pad(levels, 1, mode="edge"), np.ones(3) / 3, "valid")
    around = np.lib.stride_tricks.sliding_window_view(
        np.pad(smooth, _FLOOR_WITHIN, mode="edge"), 2 * _FLOOR_WITHIN + 1
    )
    floor: NDArray[np.float64] = around.min(1)
    return floor


def _material(sound: Samples, voiced_dbfs: float | NDArray[np.float64]) -> Material:
    sound = _whole(sound)
    truth = _bridged(_dbfs(sound) > voiced_dbfs)
    heard = sound.reshape(-1, _WINDOW)[truth].astype(np.float64)
    return Material(sound, truth, float(np.mean(heard**2)))


def _noisy(
    material: Material, babble: Sequence[Samples], levels: Sequence[int]
) -> Iterator[tuple[str, int, Samples]]:
    yield "clean", 100, material.sound
    size = len(material.sound)
    made = {name: noise(size) for name, noise in NOISES.items()}
    made["babble"] = _babble(size, babble)
    for name, noise in made.items():
        for snr_db in levels:
            power = material.speech / 10 ** (snr_db / 10)
            scaled = noise * np.sqrt(power / np.mean(noise**2))
            mixed = np.clip(material.sound + scaled, -32768, 32767)
            yield name, snr_db, mixed.astype(np.int16)


def _babble(size: int, sentences: Sequence[Samples]) -> NDArray[np.float64]:
    """Return six voices at once, without pauses."""
    made = np.zeros(size)
    for voice in range(_VOICES_IN_BABBLE):
        first = 3 * voice % len(sentences)
        turn = np.concatenate([*sentences[first:], *sentences[:first]])
        made += np.resize(np.roll(turn, voice * SAMPLE_RATE), size)
    return made


def _webrtcvad(sound: Samples) -> Found:
    """Run webrtcvad in its strictest mode on each frame."""
    vad = webrtc_vad(gate_dbfs=-100.0)
    pcm, began = sound.tobytes(), time.process_time()
    frames = [
        vad(pcm[at : at + FRAME_BYTES]) for at in range(0, len(pcm) - FRAME_BYTES + 1, FRAME_BYTES)
    ]
    cpu_s = time.process_time() - began
    middles = np.arange(len(sound) // _WINDOW) * WINDOW_MS + WINDOW_MS // 2
    at = np.minimum(middles // FRAME_MS, len(frames) - 1)
    return Found(np.array(frames, bool)[at], cpu_s)


def _silero(sound: Samples) -> Found:
    """Run Silero on all windows at once."""
    pcm, began = sound.tobytes(), time.process_time()
    found = load_silero().listen()(pcm)
    return Found(np.array(found) >= _LIKELY, time.process_time() - began)


def _cascade(sound: Samples) -> Found:
    segmenter = Segmenter(webrtc_vad(), second=load_silero().listen())
    pcm, began = sound.tobytes(), time.process_time()
    segments: list[Segment] = []
    for at in range(0, len(pcm), FRAME_BYTES):
        segments += segmenter.push(pcm[at : at + FRAME_BYTES])
    segments += segmenter.flush()
    cpu_s = time.process_time() - began
    windows = np.zeros(len(sound) // _WINDOW, bool)
    for first, last in (stretch for segment in segments for stretch in segment.speech):
        windows[round(first / _WINDOW) : round(last / _WINDOW)] = True
    given = np.zeros(len(windows), bool)
    for segment in segments:
        given[segment.start // _WINDOW : -(-segment.end // _WINDOW)] = True
    return Found(_bridged(windows), cpu_s, given)


_CASCADE = "cascade"
_DETECTORS: Mapping[str, Callable[[Samples], Found]] = {
    "webrtcvad": _webrtcvad,
    "Silero": _silero,
    _CASCADE: _cascade,
}


def _read(file: Path) -> Samples:
    return _whole(np.frombuffer(b"".join(read_sound(file)), np.int16))


def _silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * SAMPLE_RATE), np.int16)


def _whole(sound: Samples) -> Samples:
    return sound[: len(sound) // _WINDOW * _WINDOW]


def _dbfs(sound: Samples) -> NDArray[np.float64]:
    windows = sound.reshape(-1, _WINDOW).astype(np.float64)
    power: NDArray[np.float64] = 10 * np.log10((windows**2).mean(1) / 32768**2 + 1e-10)
    return power


def _bridged(voiced: Windows) -> Windows:
    bridged = voiced.copy()
    at = np.flatnonzero(voiced)
    for one, next_one in zip(at[:-1], at[1:], strict=True):
        if next_one - one <= _BRIDGED:
            bridged[one:next_one] = True
    return bridged
