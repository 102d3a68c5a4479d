"""Cuts one track into segments of speech. Pure: samples in, segments out, no clock.

A segment opens when a few voiced frames come close together, begins `preroll_ms` before the first
of them, and ends after `silence_ms` without a voiced frame. Speech longer than `longest_ms` is cut
at its quietest dip; the next part repeats the last `overlap_ms` before the cut, so that a word
over the cut is whole in one of the two.

Where a second opinion is asked for, what opens is only a `Candidate`: sound in which it finds no
speech for long ends the segment though it is voiced, and a segment without any is not given out.
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
    doubt_ms: int = 300
    """Voiced sound counts as silence once the second opinion has found no speech for so long."""
    trim_ms: int = 300
    """What is no speech is cut off a segment's edges where it is longer than this."""


DEFAULTS = SegmenterSettings()


@dataclass(frozen=True, slots=True)
class Segment:
    """Speech from sample `start` of the track on; `part` and `overlap_ms` as in `Utterance`.

    Attributes:
        onset: The first sample that is new and speech: where the pre-roll or the overlap ends.
        opened: Where it began before its edge was cut off: what it is known by.
        speech: From a first to a last sample each, where it is speech; pauses lie between.
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
    """One track's segmenter. How the samples are chunked never changes the segments.

    Args:
        second: Hears every candidate; None: what `vad` opens is speech.

    Attributes:
        noise: Candidates that the second opinion has turned away.
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
        """Samples taken so far."""
        return self._position + len(self._rest) // 2

    @property
    def speaking(self) -> bool:
        """Somebody is, as far as is known: a second opinion comes a quarter of a second later."""
        if self._candidate is None:
            return bool(self._open)
        return self._candidate.goes_on or self._heard_speech()

    @property
    def doubtful(self) -> bool:
        """Nobody is, though something may be open."""
        return not self._open or self._unlikely_ms() >= self._set.doubt_ms

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
        """What is open, as far as it was heard, if it is speech. It stays open."""
        if not self._open or (self._candidate is not None and not self._heard_speech()):
            return None
        return self._segment(self._open, EndedBy.OPEN)

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
        if len(pcm) == FRAME_BYTES and not self._rest:  # as tracks bring it
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

    def pass_over(self, samples: int) -> list[Segment]:
        """Take silence: as `push` with zeros, for almost nothing where nobody is speaking."""
        if self._open or samples < _FRAME_SAMPLES:
            return self.push(bytes(2 * samples))
        fill = -len(self._rest) % FRAME_BYTES // 2
        done = self.push(bytes(2 * fill))
        if self._open:  # by sound that had not made a frame before
            return done + self.push(bytes(2 * (samples - fill)))
        count, rest = divmod(samples - fill, _FRAME_SAMPLES)
        self._waiting.pass_over(count)
        self._position += count * _FRAME_SAMPLES
        return done + self.push(bytes(2 * rest))

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
        self._open, preroll = self._waiting.take()
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
        """
        Args:
            judged: The second opinion has just heard more.
        """
        if self._silent * FRAME_MS >= self._set.silence_ms:
            return self._close(EndedBy.SILENCE, len(self._open) - self._silent)
        if judged and self._unlikely_ms() >= self._set.doubt_ms + self._set.silence_ms:
            return self._close(EndedBy.SILENCE, self._likely_frames())
        if len(self._open) * FRAME_MS >= self._set.longest_ms:
            return self._cut()
        return None

    def _close(self, ended_by: EndedBy, spoken: int) -> Segment | None:
        """End the open segment, of which so many frames are speech; the rest is silence before the
        next one."""
        tail = 0 if ended_by is EndedBy.LEFT else self._set.tail_ms // FRAME_MS
        keep = min(spoken + tail, len(self._open))
        segment = None
        if self._is_worth(self._open[:keep], spoken):
            segment, keep = self._trimmed(ended_by, keep)
            given = max(keep, self._overlap_frames)
        else:
            given = self._overlap_frames
        self._waiting.keep(self._open[given:])
        self._open = []
        self._candidate = None
        return segment

    def _is_worth(self, frames: list[Frame], spoken: int) -> bool:
        if self._candidate is not None:
            self._candidate.settle(self._start + spoken * _FRAME_SAMPLES)
            if not self._heard_speech():
                self.noise += 1
                return False
        voiced_ms = sum(f.voiced for f in frames[self._overlap_frames :]) * FRAME_MS
        if voiced_ms == 0 or (self._part == 0 and voiced_ms < self._set.shortest_ms):
            self.clicks += self._part == 0
            return False
        return True

    def _trimmed(self, ended_by: EndedBy, keep: int) -> tuple[Segment, int]:
        """The open segment without long stretches at its edges that are no speech, and how many
        frames it takes."""
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
        """Cut unbroken speech at its quietest dip and go on with an overlap."""
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
            self._candidate.forget(self._start)
        return segment

    def _heard_speech(self) -> bool:
        """In what is new."""
        since = self._start + self._overlap_frames * _FRAME_SAMPLES
        return self._candidate is not None and self._candidate.is_speech(since)

    def _unlikely_ms(self) -> int:
        """For how long the second opinion has found no speech in what is open."""
        if self._candidate is None:
            return 0
        likely_until = max(self._candidate.speech_until or 0, self._onset)
        return (self._candidate.judged - likely_until) * 1000 // SAMPLE_RATE

    def _likely_frames(self) -> int:
        """How much of what is open lies before the last sound that may be speech."""
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
        """Where both detectors agree, but for beginnings, which the better one hears sooner."""
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
