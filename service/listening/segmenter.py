"""Cuts one track into segments of speech. Pure: samples in, segments out, no clock.

A segment opens when a few voiced frames come close together, begins `preroll_ms` before the first
of them, and ends after `silence_ms` without a voiced frame. Speech longer than `longest_ms` is cut
at its quietest dip; the next part repeats the last `overlap_ms` before the cut, so that a word
over the cut is whole in one of the two.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from asr.speech import EndedBy
from service.listening.levels import dbfs
from service.listening.vad import FRAME_BYTES, FRAME_MS, Vad

_FRAME_SAMPLES = FRAME_BYTES // 2


@dataclass(frozen=True, slots=True)
class SegmenterSettings:
    """All in milliseconds, rounded down to whole frames of 20 ms."""

    preroll_ms: int = 400
    silence_ms: int = 500
    tail_ms: int = 300
    """How much of the closing silence stays in the segment."""
    shortest_ms: int = 250
    """Less voiced sound than this is a click, not speech."""
    longest_ms: int = 12_000
    cut_search_ms: int = 4_000
    """The dip for a cut is looked for in the last so many milliseconds."""
    overlap_ms: int = 500
    onset_ms: int = 60
    """Voiced sound within `onset_window_ms` that opens a segment."""
    onset_window_ms: int = 100


DEFAULTS = SegmenterSettings()


@dataclass(frozen=True, slots=True)
class Segment:
    """Speech from sample `start` of the track on; `part` and `overlap_ms` as in `Utterance`.

    Attributes:
        onset: The first sample that is new and speech: where the pre-roll or the overlap ends.
    """

    start: int
    onset: int
    pcm: bytes
    ended_by: EndedBy
    part: int
    overlap_ms: int

    @property
    def end(self) -> int:
        return self.start + len(self.pcm) // 2


@dataclass(slots=True)
class _Frame:
    pcm: bytes
    voiced: bool
    level: float


class Segmenter:
    """One track's segmenter. How the samples are chunked never changes the segments."""

    def __init__(self, vad: Vad, settings: SegmenterSettings = DEFAULTS) -> None:
        self._vad = vad
        self._set = settings
        self._rest = b""
        self._position = 0  # samples already framed
        keep = (settings.preroll_ms + settings.onset_window_ms) // FRAME_MS
        self._waiting: deque[_Frame] = deque(maxlen=keep)
        self._open: list[_Frame] = []
        self._start = 0
        self._onset = 0
        self._part = 0
        self._overlap_frames = 0
        self._silent = 0

    @property
    def position(self) -> int:
        """Samples taken so far."""
        return self._position + len(self._rest) // 2

    @property
    def speaking(self) -> bool:
        return bool(self._open)

    @property
    def since(self) -> int | None:
        """The first sample of what is being said; None where nobody is speaking."""
        return self._onset if self._open else None

    @property
    def pausing_ms(self) -> int:
        """How long ago what is open was last voiced."""
        return self._silent * FRAME_MS

    @property
    def held_bytes(self) -> int:
        """Of sound that may still become part of a segment; `longest_ms` bounds it."""
        return (len(self._open) + len(self._waiting)) * FRAME_BYTES + len(self._rest)

    def glimpse(self) -> Segment | None:
        """What is open, as far as it was heard. It stays open."""
        return self._segment(self._open, EndedBy.OPEN) if self._open else None

    @property
    def complete_until(self) -> int:
        """Every sample before this one has been given out or is not speech.

        Quiet beginnings of words are only known for speech once the segment opens, so that what
        may become pre-roll does not count yet: no later segment begins before this sample, but for
        the overlap of a part with the part before.
        """
        if self._open:
            return self._start + self._overlap_frames * _FRAME_SAMPLES
        return self._position - len(self._waiting) * _FRAME_SAMPLES

    def push(self, pcm: bytes) -> list[Segment]:
        """Take int16 samples; the segments that they complete."""
        data = self._rest + pcm
        whole = len(data) // FRAME_BYTES * FRAME_BYTES
        self._rest = data[whole:]
        done: list[Segment] = []
        for at in range(0, whole, FRAME_BYTES):
            segment = self._frame(data[at : at + FRAME_BYTES])
            if segment is not None:
                done.append(segment)
        return done

    def flush(self) -> list[Segment]:
        """The track has ended: what is open ends with it."""
        if self._rest:
            padded = self._rest.ljust(FRAME_BYTES, b"\0")
            self._rest = b""
            done = [segment] if (segment := self._frame(padded)) else []
        else:
            done = []
        if self._open and (segment := self._close(EndedBy.LEFT, len(self._open))):
            done.append(segment)
        return done

    def _frame(self, pcm: bytes) -> Segment | None:
        frame = _Frame(pcm, self._vad(pcm), dbfs(pcm))
        self._position += _FRAME_SAMPLES
        if not self._open:
            self._waiting.append(frame)
            self._maybe_open()
            return None
        self._open.append(frame)
        self._silent = 0 if frame.voiced else self._silent + 1
        if self._silent * FRAME_MS >= self._set.silence_ms:
            keep = len(self._open) - self._silent + self._set.tail_ms // FRAME_MS
            return self._close(EndedBy.SILENCE, min(keep, len(self._open)))
        if len(self._open) * FRAME_MS >= self._set.longest_ms:
            return self._cut()
        return None

    def _maybe_open(self) -> None:
        recent = list(self._waiting)[-(self._set.onset_window_ms // FRAME_MS) :]
        if sum(frame.voiced for frame in recent) * FRAME_MS < self._set.onset_ms:
            return
        first = next(i for i, frame in enumerate(recent) if frame.voiced)
        keep = len(recent) - first + self._set.preroll_ms // FRAME_MS
        self._open = list(self._waiting)[-keep:]
        self._waiting.clear()
        self._start = self._position - len(self._open) * _FRAME_SAMPLES
        self._onset = self._position - (len(recent) - first) * _FRAME_SAMPLES
        self._part = 0
        self._overlap_frames = 0
        self._silent = 0

    def _close(self, ended_by: EndedBy, keep: int) -> Segment | None:
        """End the open segment after `keep` frames; the rest is silence before the next one."""
        frames = self._open[:keep]
        voiced_ms = sum(f.voiced for f in frames[self._overlap_frames :]) * FRAME_MS
        dropped = voiced_ms == 0 or (self._part == 0 and voiced_ms < self._set.shortest_ms)
        segment = None if dropped else self._segment(frames, ended_by)
        given = self._overlap_frames if dropped else max(keep, self._overlap_frames)
        self._waiting.extend(self._open[given:])
        self._open = []
        return segment

    def _cut(self) -> Segment:
        """Cut unbroken speech at its quietest dip and go on with an overlap."""
        frames = self._open
        earliest = len(frames) - self._set.cut_search_ms // FRAME_MS
        cut = min(
            range(max(earliest, self._overlap_frames + 1), len(frames) - 1),
            key=lambda i: sum(frame.level for frame in frames[i - 1 : i + 2]),
        )
        segment = self._segment(frames[:cut], EndedBy.LENGTH)
        self._onset = self._start + cut * _FRAME_SAMPLES
        overlap = min(self._set.overlap_ms // FRAME_MS, cut)
        self._open = frames[cut - overlap :]
        self._start += (cut - overlap) * _FRAME_SAMPLES
        self._part += 1
        self._overlap_frames = overlap
        self._silent = min(self._silent, len(self._open) - overlap)
        return segment

    def _segment(self, frames: list[_Frame], ended_by: EndedBy) -> Segment:
        return Segment(
            start=self._start,
            onset=self._onset,
            pcm=b"".join(frame.pcm for frame in frames),
            ended_by=ended_by,
            part=self._part,
            overlap_ms=self._overlap_frames * FRAME_MS,
        )
