"""Segmenter of one track: cuts its sound into segments of speech. Pure, without a clock.

A segment opens when a few voiced frames come close together, begins `preroll_ms` before the first
of them, and ends after `silence_ms` without a voiced frame. Speech longer than `longest_ms` is cut
at its quietest dip; the next part repeats the last `overlap_ms` before the cut, so that a word
over the cut is whole in one of the two.

With a second opinion, an open segment is only a `Candidate`. It ends where the second opinion finds
no speech for long, even in voiced sound, and a segment without any speech is dropped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from asr.likelihood import Likelihood
from asr.speech import SAMPLE_RATE, EndedBy
from service.listening.candidate import Candidate
from service.listening.levels import quietest
from service.listening.onset import Frame, Onset
from service.listening.vad import FRAME_BYTES, FRAME_MS, Vad

_FRAME_SAMPLES = FRAME_BYTES // 2


@dataclass(frozen=True, slots=True)
class SegmenterSettings:
    """Times in milliseconds, rounded down to whole frames of 20 ms."""

    preroll_ms: int = 400
    silence_ms: int = 500
    tail_ms: int = 300
    """Part of the closing silence that stays in the segment."""
    shortest_ms: int = 250
    """Least voiced sound of a segment; less is a click."""
    longest_ms: int = 12_000
    cut_search_ms: int = 4_000
    """Last part of a long segment, in which the dip for a cut is sought."""
    overlap_ms: int = 500
    onset_ms: int = 60
    """Voiced sound within `onset_window_ms` that opens a segment."""
    onset_window_ms: int = 100
    doubt_ms: int = 300
    """Voiced sound without speech, by the second opinion, after which it counts as silence."""
    trim_ms: int = 300
    """Longest sound without speech that stays at a segment's edges."""


DEFAULTS = SegmenterSettings()


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of speech. Positions count samples of the track.

    Attributes:
        start: Position of the first sample.
        onset: Position of the first sample that is new speech, after the pre-roll or the overlap.
        part: Number of the part, as in `Utterance`.
        overlap_ms: Repeated sound at the start, as in `Utterance`.
        opened: Start before the edge was trimmed; the segment's id is made from it.
        speech: Spans of speech as half-open sample ranges; pauses lie between them.
    """

    start: int
    onset: int
    pcm: bytes
    ended_by: EndedBy
    part: int
    overlap_ms: int
    opened: int
    speech: tuple[tuple[int, int], ...]

    @property
    def end(self) -> int:
        return self.start + len(self.pcm) // 2


class Segmenter:
    """Segmenter of one track. The chunking of the samples never changes the segments.

    Args:
        second: Detector that judges every candidate; None: `vad` is believed.

    Attributes:
        noise: Candidates in which the second opinion found no speech.
        clicks: Candidates that were too short.
    """

    def __init__(
        self,
        vad: Vad,
        settings: SegmenterSettings = DEFAULTS,
        second: Likelihood | None = None,
    ) -> None:
        self._vad = vad
        self._set = settings
        self._second = second
        self._candidate: Candidate | None = None
        self.noise = 0
        self.clicks = 0
        self._rest = b""
        self._position = 0  # samples already framed
        self._waiting = Onset(
            preroll=_frames(settings.preroll_ms),
            voiced=-(-settings.onset_ms // FRAME_MS),
            within=_frames(settings.onset_window_ms),
        )
        self._open: list[Frame] = []
        self._start = 0
        self._onset = 0
        self._part = 0
        self._overlap_frames = 0
        self._silent = 0

    @property
    def position(self) -> int:
        """Position after the last sample pushed."""
        return self._position + len(self._rest) // 2

    @property
    def speaking(self) -> bool:
        """Whether somebody speaks; a second opinion comes a quarter of a second later."""
        if self._candidate is None:
            return bool(self._open)
        return self._candidate.goes_on or self._has_speech()

    @property
    def quiet(self) -> bool:
        """Whether nobody speaks, though a segment of noise may be open."""
        return not self._open or self._unlikely_ms() >= self._set.doubt_ms

    @property
    def open_since(self) -> int | None:
        """Onset of the open segment; None where none is open."""
        return self._onset if self._open else None

    @property
    def pause_ms(self) -> int:
        """Time since the last voiced frame of the open segment."""
        return self._silent * FRAME_MS

    @property
    def held_bytes(self) -> int:
        """Bytes of sound that may still become part of a segment; `longest_ms` bounds it."""
        return (len(self._open) + len(self._waiting)) * FRAME_BYTES + len(self._rest)

    def copy_open_segment(self) -> Segment | None:
        """Return the open segment so far; None where it has no speech. It stays open."""
        if not self._open or (self._candidate is not None and not self._has_speech()):
            return None
        return self._segment(self._open, EndedBy.OPEN)

    @property
    def complete_until(self) -> int:
        """Position before which every sample has been given out or is not speech.

        A quiet beginning of a word is known as speech only once the segment opens, so possible
        pre-roll does not count yet. No later segment begins before this position, except for the
        overlap of a part with the part before.
        """
        if self._open:
            return self._start + self._overlap_frames * _FRAME_SAMPLES
        return self._position - len(self._waiting) * _FRAME_SAMPLES

    def push(self, pcm: bytes) -> list[Segment]:
        """Add int16 samples; return the segments that they complete."""
        if len(pcm) == FRAME_BYTES and not self._rest:  # the usual case: one packet, one frame
            segment = self._frame(pcm)
            return [segment] if segment is not None else []
        data = self._rest + pcm
        whole = len(data) // FRAME_BYTES * FRAME_BYTES
        self._rest = data[whole:]
        done: list[Segment] = []
        for at in range(0, whole, FRAME_BYTES):
            segment = self._frame(data[at : at + FRAME_BYTES])
            if segment is not None:
                done.append(segment)
        return done

    def push_silence(self, samples: int) -> list[Segment]:
        """Do the same as `push` with zeros, at almost no cost where nobody is speaking."""
        if self._open or samples < _FRAME_SAMPLES:
            return self.push(bytes(2 * samples))
        fill = -len(self._rest) % FRAME_BYTES // 2
        done = self.push(bytes(2 * fill))
        if self._open:  # the rest of a frame opened it
            return done + self.push(bytes(2 * (samples - fill)))
        count, rest = divmod(samples - fill, _FRAME_SAMPLES)
        self._waiting.push_silence(count)
        self._position += count * _FRAME_SAMPLES
        return done + self.push(bytes(2 * rest))

    def flush(self) -> list[Segment]:
        """End the track; return the segments that were open."""
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
        frame = Frame(pcm, self._vad(pcm))
        self._position += _FRAME_SAMPLES
        if not self._open:
            if self._waiting.push(frame):
                self._begin()
            return None
        self._open.append(frame)
        self._silent = 0 if frame.voiced else self._silent + 1
        judged = self._candidate is not None and self._candidate.push(pcm, voiced=frame.voiced)
        return self._maybe_end(judged=judged)

    def _begin(self) -> None:
        self._open, preroll = self._waiting.open_segment()
        self._start = self._position - len(self._open) * _FRAME_SAMPLES
        self._onset = self._start + preroll * _FRAME_SAMPLES
        self._part = 0
        self._overlap_frames = 0
        self._silent = 0
        if self._second is not None:
            self._candidate = Candidate(self._second, self._start)
            for frame in self._open:
                self._candidate.push(frame.pcm, voiced=frame.voiced)

    def _maybe_end(self, *, judged: bool) -> Segment | None:
        """End or cut the open segment where it is time.

        Args:
            judged: Whether the second opinion has just judged more.
        """
        if self._silent * FRAME_MS >= self._set.silence_ms:
            return self._close(EndedBy.SILENCE, len(self._open) - self._silent)
        if judged and self._unlikely_ms() >= self._set.doubt_ms + self._set.silence_ms:
            return self._close(EndedBy.SILENCE, self._likely_frames())
        if len(self._open) * FRAME_MS >= self._set.longest_ms:
            return self._cut()
        return None

    def _close(self, ended_by: EndedBy, spoken: int) -> Segment | None:
        """End the open segment; the frames after it wait for the next one.

        Args:
            spoken: Frames up to the end of the speech.
        """
        tail = 0 if ended_by is EndedBy.LEFT else self._set.tail_ms // FRAME_MS
        keep = min(spoken + tail, len(self._open))
        segment = None
        if self._is_worth(self._open[:keep], spoken):
            segment, keep = self._trimmed(ended_by, keep)
            given = max(keep, self._overlap_frames)
        else:
            given = self._overlap_frames
        self._waiting.push_quiet(self._open[given:])
        self._open = []
        self._candidate = None
        return segment

    def _is_worth(self, frames: list[Frame], spoken: int) -> bool:
        if self._candidate is not None:
            self._candidate.settle(self._start + spoken * _FRAME_SAMPLES)
            if not self._has_speech():
                self.noise += 1
                return False
        voiced_ms = sum(f.voiced for f in frames[self._overlap_frames :]) * FRAME_MS
        if voiced_ms == 0 or (self._part == 0 and voiced_ms < self._set.shortest_ms):
            self.clicks += self._part == 0
            return False
        return True

    def _trimmed(self, ended_by: EndedBy, keep: int) -> tuple[Segment, int]:
        """Return the open segment without long edges that are no speech, and its end in frames."""
        first = 0
        since = self._candidate.speech_since() if self._candidate is not None else None
        if since is not None:
            trim = _frames(self._set.trim_ms)
            lead = (since - self._start) // _FRAME_SAMPLES - _frames(self._set.preroll_ms)
            if self._part == 0 and lead >= trim:
                first = lead
            end = self._likely_frames() + _frames(self._set.tail_ms)
            if ended_by is not EndedBy.LEFT and keep - end >= trim and end > self._overlap_frames:
                keep = end
        return self._segment(self._open[first:keep], ended_by, first=first), keep

    def _cut(self) -> Segment:
        """Cut unbroken speech at its quietest dip; the next part begins with an overlap."""
        if self._candidate is not None:
            self._candidate.settle(self._position)
        frames = self._open
        earliest = max(len(frames) - _frames(self._set.cut_search_ms), self._overlap_frames + 1)
        cut = earliest + quietest([frame.pcm for frame in frames[earliest - 1 :]]) - 1
        segment = self._segment(frames[:cut], EndedBy.LENGTH)
        self._onset = self._start + cut * _FRAME_SAMPLES
        overlap = min(self._set.overlap_ms // FRAME_MS, cut)
        self._open = frames[cut - overlap :]
        self._start += (cut - overlap) * _FRAME_SAMPLES
        self._part += 1
        self._overlap_frames = overlap
        self._silent = min(self._silent, len(self._open) - overlap)
        if self._candidate is not None:
            self._candidate.drop_windows(self._start)
        return segment

    def _has_speech(self) -> bool:
        """Whether the second opinion found speech after the overlap."""
        since = self._start + self._overlap_frames * _FRAME_SAMPLES
        return self._candidate is not None and self._candidate.is_speech(since)

    def _unlikely_ms(self) -> int:
        """Return the time since the second opinion last found speech in the open segment."""
        if self._candidate is None:
            return 0
        likely_until = max(self._candidate.speech_until or 0, self._onset)
        return (self._candidate.judged - likely_until) * 1000 // SAMPLE_RATE

    def _likely_frames(self) -> int:
        """Return the frames of the open segment up to the last speech, by the second opinion."""
        until = self._candidate.speech_until if self._candidate is not None else None
        return 0 if until is None else max(0, -(-(until - self._start) // _FRAME_SAMPLES))

    def _segment(self, frames: list[Frame], ended_by: EndedBy, *, first: int = 0) -> Segment:
        start = self._start + first * _FRAME_SAMPLES
        return Segment(
            start=start,
            onset=self._onset,
            pcm=b"".join(frame.pcm for frame in frames),
            ended_by=ended_by,
            part=self._part,
            overlap_ms=self._overlap_frames * FRAME_MS,
            opened=self._start,
            speech=tuple(self._speech(frames, start)),
        )

    def _speech(self, frames: list[Frame], start: int) -> Iterator[tuple[int, int]]:
        """Yield the spans of speech by both detectors; begins are the second opinion's, which are
        earlier."""
        end = start + len(frames) * _FRAME_SAMPLES
        found = self._candidate.speech() if self._candidate is not None else [(self._onset, end)]
        for a, b in found:
            first, last = max(a - start, 0) // _FRAME_SAMPLES, (min(b, end) - start)
            until = -(-last // _FRAME_SAMPLES)
            while until > first and not frames[until - 1].voiced:
                until -= 1
            if until > first:
                yield max(a, start), min(b, start + until * _FRAME_SAMPLES)


def _frames(ms: int) -> int:
    return ms // FRAME_MS
