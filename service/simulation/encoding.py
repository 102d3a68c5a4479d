"""Encoding of a speaker's lines before the room opens, and the times at which each was sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from service.simulation.failed import SimulationFailed
from service.simulation.script import Line, ScriptedSpeaker
from service.simulation.voice import (
    FRAME,
    SAMPLE_RATE,
    Microphone,
    Pcm,
    VoicePacket,
    audible_range,
    read_clip,
)

PAUSE_S = 1.2
"""Shortest silence between two lines of a speaker. With less, two utterances may become one."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One instant on two clocks: one for measuring, one for comparison with the server's."""

    monotonic_s: float
    at: datetime

    @classmethod
    def now(cls, monotonic_s: float) -> Moment:
        return cls(monotonic_s, datetime.now(UTC))


class SentLine:
    """A line of the script, and the times at which its sound was sent.

    Attributes:
        first, last: Timestamps (`VoicePacket.pts`) of the packets with the first and the last
            audible sample. A clip's silent margins are outside.
        started, ended: Moments at which those two packets were sent; None: not yet, or never
            because there was no connection.
        stalled_s: Longest time by which a packet of it came later after the one before it than it
            should: the simulation itself was busy, and its listeners hear a hole.
    """

    __slots__ = ("_before", "ended", "first", "last", "line", "speaker", "stalled_s", "started")

    def __init__(self, speaker: ScriptedSpeaker, line: Line, first: int, last: int) -> None:
        self.speaker = speaker
        self.line = line
        self.first = first
        self.last = last
        self.started: Moment | None = None
        self.ended: Moment | None = None
        self.stalled_s = 0.0
        self._before: tuple[int, float] | None = None

    def mark_sent(self, pts: int, now_s: float) -> None:
        """Note that a packet of the speaker has been sent."""
        if self.first <= pts <= self.last and self.started is None:
            self.started = Moment.now(now_s)
        if self.last <= pts and self.started is not None and self.ended is None:
            self.ended = Moment.now(now_s)
        if self.first <= pts <= self.last:
            if self._before is not None:
                pts_before, before_s = self._before
                late_s = now_s - before_s - (pts - pts_before) / SAMPLE_RATE
                self.stalled_s = max(self.stalled_s, late_s)
            self._before = (pts, now_s)


@dataclass(frozen=True, slots=True)
class EncodedSpeaker:
    """All packets of one speaker from the script's start on, and the lines in them."""

    packets: Sequence[VoicePacket]
    lines: Sequence[SentLine]

    def mark_sent(self, pts: int, now_s: float) -> None:
        """Note that a packet has been sent."""
        for line in self.lines:
            line.mark_sent(pts, now_s)


def encode_speaker(speaker: ScriptedSpeaker, *, until_s: float) -> EncodedSpeaker:
    """Encode a speaker's lines, and the silence between and after them.

    It takes some milliseconds of CPU time for each second of speech: call it off the event loop.

    Args:
        until_s: Least length of the result, in seconds.

    Raises:
        SimulationFailed: A clip cannot be read, is silent, or begins less than `PAUSE_S` after the
            end of the one before it.
    """
    microphone = Microphone()
    packets: list[VoicePacket] = []
    lines: list[SentLine] = []
    position = 0  # samples encoded, a multiple of FRAME
    free_from = 0.0
    for line in speaker.lines:
        clip = read_clip(line.clip)
        loud = audible_range(clip)
        start = round(line.at_s * SAMPLE_RATE)
        _check_line(speaker, line, loud, free_from)
        free_from = line.at_s + len(clip) / SAMPLE_RATE + PAUSE_S
        position = _encode_silence(microphone, packets, position, start)
        sound = np.pad(clip, (start - position, -(start - position + len(clip)) % FRAME))
        _encode(microphone, packets, sound)
        position += len(sound)
        first, last = start + loud[0], start + loud[1] - 1
        lines.append(SentLine(speaker, line, first - first % FRAME, last - last % FRAME))
    _encode_silence(microphone, packets, position, round(until_s * SAMPLE_RATE))
    return EncodedSpeaker(packets, lines)


def _check_line(
    speaker: ScriptedSpeaker, line: Line, loud: tuple[int, int], free_from: float
) -> None:
    if loud[0] == loud[1]:
        raise SimulationFailed(f"{line.clip} is silent; give a clip with speech in it")
    if 0 < free_from - PAUSE_S and line.at_s < free_from:
        raise SimulationFailed(
            f"{speaker.name}'s line at {line.at_s} s comes less than {PAUSE_S} s after the end of "
            f"the one before it; start it at {free_from:.1f} s or later"
        )


def _encode_silence(
    microphone: Microphone, packets: list[VoicePacket], start: int, end: int
) -> int:
    """Encode silence up to the last whole frame before `end`; return the position reached."""
    frames = max(0, (end - start) // FRAME)
    nothing: Pcm = np.zeros(FRAME, np.int16)
    for _ in range(frames):
        packet = microphone.push(nothing)
        if packet is not None:
            packets.append(packet)
    return start + frames * FRAME


def _encode(microphone: Microphone, packets: list[VoicePacket], sound: Pcm) -> None:
    for at in range(0, len(sound), FRAME):
        packet = microphone.push(sound[at : at + FRAME])
        if packet is not None:
            packets.append(packet)
