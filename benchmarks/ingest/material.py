"""Speech to send: the shipped clips of the simulation, encoded as a browser would."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from benchmarks.ingest.script import Cue, Loop, Script
from service.simulation.script import DEMO_SCRIPT, load_script
from service.simulation.voice import FRAME, SAMPLE_RATE, Microphone, Pcm, audible_range, read_clip

SENTENCES = 6
"""Sentences of each speaker in the loss table."""
LEAD_S = 1.0
"""Silence before the first sentence. Every network lets it through: a receiver's clock starts with
the first packet."""
TAIL_S = 2.5
"""Silence after the last sentence: aiortc returns a packet when four more have arrived."""
_PAUSE_S = 0.9
_BREATH_S = 0.1
"""Silence between the sentences of `speaking`."""
_AUDIBLE_PEAK = 104  # -50 dBFS
_REFRESH = 20
"""Frames between two packets of a silent sender: libopus' DTX, 400 ms."""
_SILENT = 127


@dataclass(frozen=True, slots=True)
class Said:
    """Packets and words of one speaker.

    Attributes:
        speech: Sequence numbers of the packets with audible sound.
        text: Words of all sentences.
    """

    script: Script
    speech: frozenset[int]
    text: str


@dataclass(frozen=True, slots=True)
class _Sentence:
    text: str
    sound: Pcm


def voices() -> int:
    return len(_voices())


@cache
def speaking(voice: int) -> Script:
    """Return an endless script of one of the voices, a packet every 20 ms."""
    breath = _silence(_BREATH_S)
    sound = _whole(
        np.concatenate([part for one in _voices()[voice] for part in (one.sound, breath)])
    )
    cues = _numbered(sound)
    assert len(cues) == len(sound) // FRAME, "a breath is too short for DTX"
    return Script(cues, Loop(len(cues), len(sound)))


@cache
def silent() -> Script:
    """Return an endless script of silence: DTX sends a packet every 400 ms."""
    frame = _silence(FRAME / SAMPLE_RATE)
    packet = Microphone().push(frame)
    assert packet is not None
    return Script([Cue(0.0, 0, 0, _SILENT, packet.payload)], Loop(1, _REFRESH * FRAME))


@cache
def sentences(speaker: int, count: int = SENTENCES) -> Said:
    """Return sentences of a voice, with pauses that DTX does not send.

    No two speakers have the same sentences in the same order.
    """
    own = _voices()[speaker % voices()]
    first = speaker // voices()
    chosen = [own[(first + at) % len(own)] for at in range(count)]
    parts = [part for one in chosen for part in (one.sound, _silence(_PAUSE_S))][:-1]
    sound = _whole(np.concatenate([_silence(LEAD_S), *parts, _silence(TAIL_S)]))
    cues = _numbered(sound)
    speech = frozenset(
        cue.sequence
        for cue in cues
        if int(np.abs(sound[cue.timestamp : cue.timestamp + FRAME]).max()) > _AUDIBLE_PEAK
    )
    return Said(Script(cues), speech, " ".join(one.text for one in chosen))


def _numbered(sound: Pcm) -> list[Cue]:
    return [
        Cue(pts / SAMPLE_RATE, sequence, pts, level, payload)
        for sequence, (pts, level, payload) in enumerate(_encoded(sound))
    ]


def _encoded(sound: Pcm) -> Iterator[tuple[int, int, bytes]]:
    microphone = Microphone()
    for at in range(0, len(sound), FRAME):
        frame = sound[at : at + FRAME]
        packet = microphone.push(frame)
        if packet is not None:
            yield packet.pts, _level(frame), packet.payload


def _level(frame: Pcm) -> int:
    """Return the level of RFC 6464: decibels below full scale, 127 for silence."""
    mean_square = float(np.mean(np.square(frame.astype(np.float64)))) / 32768.0**2
    return _SILENT if mean_square <= 0 else min(_SILENT, round(-10 * math.log10(mean_square)))


@cache
def _voices() -> Sequence[Sequence[_Sentence]]:
    return [
        [_sentence(line.text, read_clip(line.clip)) for line in speaker.lines]
        for speaker in load_script(DEMO_SCRIPT).speakers
    ]


def _sentence(text: str, clip: Pcm) -> _Sentence:
    first, end = audible_range(clip)
    return _Sentence(text, clip[first:end])


def _silence(seconds: float) -> Pcm:
    return np.zeros(int(seconds * SAMPLE_RATE), np.int16)


def _whole(sound: Pcm) -> Pcm:
    return np.pad(sound, (0, -len(sound) % FRAME))
