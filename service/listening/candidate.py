"""Second opinion on a segment that the cheap voice detector opened. Pure.

webrtcvad costs next to nothing, but takes hum, music and steady noise for speech. So a segment that
it opens is only a candidate: a better detector hears it, a few windows at a time, and finds the
speech in it. Once it has found speech, and as long as webrtcvad was right, it samples: it hears
only the end of each stretch of a second. If that is speech, the whole stretch counts as speech,
except the pauses that webrtcvad found. If not, the detector hears the whole stretch, and so finds
the end of the speech.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asr.likelihood import POSSIBLE, PROOF, WINDOW_BYTES, WINDOW_MS, Likelihood
from service.listening.levels import FLOOR_DBFS, dbfs

_WINDOW = WINDOW_BYTES // 2
_MS_BYTES = WINDOW_BYTES // WINDOW_MS
_SURE = 1.0


@dataclass(frozen=True, slots=True)
class CandidateSettings:
    possible: float = POSSIBLE
    """A window from here on may be speech: short words, children and laughter often get no more."""
    likely: float = 0.35
    """Likelihood from which a window is speech if its neighbours are: Silero's own threshold for
    ends."""
    proof: float = PROOF
    """Windows in a row that may be speech are speech if they sum up to this: three that are sure,
    or a quarter of a second of doubt. The attack of a chord gets up to 1.5, and 0.24 s of a spoken
    word at least 2.7."""
    batch: int = 8
    """Windows heard together: one at a time would cost twice as much."""
    stretch: int = 32
    """Windows in a stretch; while sampling, only the last `batch` of them are heard."""
    fainter_db: float = 12.0
    """Drop in level from which a stretch is heard whole: it may be a voice in the background."""
    pause: int = 16
    """Further windows to wait for in a pause: its sound is not needed if nothing follows it."""
    dip: int = 5
    """Unvoiced windows in a row that make a pause inside a stretch."""
    disputed: int = 2
    """Windows that the two detectors may dispute before every window is heard. Speech is voiced one
    or two windows before it counts as speech; noise is voiced for longer."""


DEFAULTS = CandidateSettings()


class Candidate:
    """One open segment. Positions count samples of the track.

    Args:
        start: Position of the first sample that will be pushed.
    """

    def __init__(
        self, likelihood: Likelihood, start: int, settings: CandidateSettings = DEFAULTS
    ) -> None:
        self._likelihood = likelihood
        self._set = settings
        self._pending = bytearray()
        self._voiced = bytearray()  # one flag for each pending millisecond
        self._disputed = 0  # windows voiced but not speech
        self._sampling = False
        self._level = FLOOR_DBFS  # of the last speech
        self._start = start
        self._found: list[float] = []
        self._sum = 0.0  # likelihoods of the last windows in a row that may be speech
        self.speech_until: int | None = None
        """End of the last window of speech."""

    @property
    def judged(self) -> int:
        """Position up to which every sample was heard or counted as speech."""
        return self._start + len(self._found) * _WINDOW

    @property
    def goes_on(self) -> bool:
        """Whether the last sound was speech, so that webrtcvad is believed for a second."""
        return self._sampling

    def push(self, pcm: bytes, *, voiced: bool) -> bool:
        """Add samples, `voiced` or not for webrtcvad; return whether more windows were judged."""
        self._pending += pcm
        self._voiced += bytes([voiced]) * (len(pcm) // _MS_BYTES)
        waiting = len(self._pending) // WINDOW_BYTES
        enough = self._set.stretch if self._sampling else self._set.batch
        if waiting < (enough if voiced else enough + self._set.pause):
            return False
        self._judge(waiting)
        return True

    def settle(self, until: int) -> None:
        """Judge all whole windows that begin before `until`."""
        wanted = -(-(until - self.judged) // _WINDOW)
        whole = min(len(self._pending) // WINDOW_BYTES, wanted)
        if whole > 0:
            self._judge(whole)

    def drop_windows(self, before: int) -> None:
        """Drop the windows before a position: they belong to a finished part of the segment."""
        gone = min(max(0, (before - self._start) // _WINDOW), len(self._found))
        del self._found[:gone]
        self._start += gone * _WINDOW

    def is_speech(self, since: int) -> bool:
        """Whether speech was found after position `since`."""
        return any(self._proven(max(0, (since - self._start) // _WINDOW)))

    def speech_since(self) -> int | None:
        """Return the earliest position at which faint speech may begin; None: there is none."""
        first = next(self._proven(0), None)
        return None if first is None else self._start + max(0, first.start - 1) * _WINDOW

    def speech(self) -> Sequence[tuple[int, int]]:
        """Return the spans of speech as half-open sample ranges; pauses lie between them.

        The detector knows only earlier sound, so it notices both ends a window late. The spans
        allow for that.
        """
        found = []
        for run in self._proven(0):
            likely = [at for at in run if self._found[at] >= self._set.likely] or run
            first, last = max(0, likely[0] - 1), likely[-1] - 1
            if last >= first:
                found.append((self._start + first * _WINDOW, self._start + (last + 1) * _WINDOW))
        return found

    def _proven(self, since: int) -> Iterator[range]:
        """Yield the rows of windows that are speech, from window `since` on."""
        first, total = since, 0.0
        for at, each in enumerate([*self._found[since:], 0.0], since):
            if each >= self._set.possible:
                total += each
                continue
            if total >= self._set.proof:
                yield range(first, at)
            first, total = at + 1, 0.0

    def _judge(self, count: int) -> None:
        pcm = bytes(self._pending[: count * WINDOW_BYTES])
        voiced = np.frombuffer(bytes(self._voiced[: count * WINDOW_MS]), np.bool_)
        voiced = voiced.reshape(-1, WINDOW_MS).mean(1) >= 0.5
        end = pcm[-self._set.batch * WINDOW_BYTES :]
        as_loud = dbfs(end) >= self._level - self._set.fainter_db
        sampled = self._sampling and as_loud and len(pcm) > len(end)
        sample = self._likelihood(end) if sampled else ()
        if self._ends_in_speech(sample):
            found = [*self._believed(voiced[: -len(sample)]), *sample]
        else:
            found = list(self._likelihood(pcm, again=sampled))
            possible = sum(each >= self._set.possible for each in found)
            self._disputed += max(0, int(voiced.sum()) - possible)
        self._add(found)
        if self._sampling:
            self._level = dbfs(end)

    def _believed(self, voiced: NDArray[np.bool_]) -> Sequence[float]:
        """Return likelihoods for windows that were not heard: speech, except for pauses."""
        found = [_SURE] * len(voiced)
        edges = np.flatnonzero(np.diff(voiced, prepend=True, append=True))
        for first, last in edges.reshape(-1, 2):
            if last - first >= self._set.dip:
                found[first:last] = [0.0] * (last - first)
        return found

    def _ends_in_speech(self, sample: Sequence[float]) -> bool:
        """Whether the last windows are speech. Speech before them may be dying away."""
        total = 0.0
        for each in sample:
            total = total + each if each >= self._set.possible else 0.0
        return total >= self._set.proof

    def _add(self, found: Sequence[float]) -> None:
        del self._pending[: len(found) * WINDOW_BYTES]
        del self._voiced[: len(found) * WINDOW_MS]
        for likelihood in found:
            self._found.append(likelihood)
            self._sum = self._sum + likelihood if likelihood >= self._set.possible else 0.0
            if self._sum >= self._set.proof:
                self.speech_until = self.judged
        self._sampling = (
            self.speech_until is not None
            and self.judged - self.speech_until <= self._set.batch * _WINDOW
            and self._disputed <= self._set.disputed
        )
