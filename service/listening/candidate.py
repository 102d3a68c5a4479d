"""What a better detector thinks of a segment that the cheap one opened. Pure.

webrtcvad costs next to nothing and takes hum, music and steady noise for speech. So what it opens
is only a candidate: a detector that knows better hears it, a few windows at a time, and says where
in it speech is, if anywhere. Once it has found some, and where webrtcvad was right so far, it only
samples: it hears the end of each stretch of a second, and if that is speech, all of it is, but for
the pauses that webrtcvad heard. If not, it hears the whole stretch, and so finds where speech
ended.
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
    """A window from here on is speech, if its neighbours are: Silero's own threshold for ends."""
    proof: float = PROOF
    """Windows in a row that may be speech are speech if they sum up to this: three that are sure,
    or a quarter of a second of doubt. The attack of a chord gets up to 1.5, and 0.24 s of a spoken
    word at least 2.7."""
    batch: int = 8
    """Windows that are heard together: each alone would cost twice as much."""
    stretch: int = 32
    """Windows of which only the last `batch` are heard, if all goes well."""
    fainter_db: float = 12.0
    """Sound so much fainter than the speech before is heard whole: a voice in the background."""
    pause: int = 16
    """So many more are waited for in a pause: its sound is not needed if nothing follows it."""
    dip: int = 5
    """So many windows in a row that are not voiced are a pause, wherever in a stretch."""
    disputed: int = 2
    """Windows that may be called voiced and be no speech before all are heard. Beginnings are
    voiced a window or two before they are speech; noise is, too, but for longer."""


DEFAULTS = CandidateSettings()


class Candidate:
    """One segment while it is open. Positions count samples of the track.

    Args:
        start: Of the first sample that will be pushed.
    """

    def __init__(
        self, likelihood: Likelihood, start: int, settings: CandidateSettings = DEFAULTS
    ) -> None:
        self._likelihood = likelihood
        self._set = settings
        self._pending = bytearray()
        self._voiced = bytearray()  # for each millisecond of what is pending
        self._disputed = 0  # windows
        self._sampling = False
        self._level = FLOOR_DBFS  # of the last speech
        self._start = start
        self._found: list[float] = []
        self._sum = 0.0  # of the last windows in a row that may be speech
        self.speech_until: int | None = None
        """The end of the last window of speech."""

    @property
    def judged(self) -> int:
        """Every sample before this one has been heard, or lies before a sample that was speech."""
        return self._start + len(self._found) * _WINDOW

    @property
    def goes_on(self) -> bool:
        """What was heard last is speech, and for a second the cheap detector is believed."""
        return self._sampling

    def push(self, pcm: bytes, *, voiced: bool) -> bool:
        """Take the next samples; `voiced` is the cheap detector's word. Whether more is judged."""
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

    def forget(self, before: int) -> None:
        """The segment goes on from here: what lies before is given out."""
        gone = min(max(0, (before - self._start) // _WINDOW), len(self._found))
        del self._found[:gone]
        self._start += gone * _WINDOW

    def is_speech(self, since: int) -> bool:
        """Whether there is speech in what was judged since then."""
        return any(self._proven(max(0, (since - self._start) // _WINDOW)))

    def speech_since(self) -> int | None:
        """Where the first speech may begin, faint as it may be."""
        first = next(self._proven(0), None)
        return None if first is None else self._start + max(0, first.start - 1) * _WINDOW

    def speech(self) -> Sequence[tuple[int, int]]:
        """Where speech is, from a first to a last sample each; pauses lie between.

        The detector notices both ends a window late, as it knows only what came before.
        """
        found = []
        for run in self._proven(0):
            likely = [at for at in run if self._found[at] >= self._set.likely] or run
            first, last = max(0, likely[0] - 1), likely[-1] - 1
            if last >= first:
                found.append((self._start + first * _WINDOW, self._start + (last + 1) * _WINDOW))
        return found

    def _proven(self, since: int) -> Iterator[range]:
        """The windows in a row that are speech, from a window on."""
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
        if self._goes_on(sample):
            found = [*self._believed(voiced[: -len(sample)]), *sample]
        else:
            found = list(self._likelihood(pcm, again=sampled))
            possible = sum(each >= self._set.possible for each in found)
            self._disputed += max(0, int(voiced.sum()) - possible)
        self._take(found)
        if self._sampling:
            self._level = dbfs(end)

    def _believed(self, voiced: NDArray[np.bool_]) -> Sequence[float]:
        """Speech, but for pauses."""
        found = [_SURE] * len(voiced)
        edges = np.flatnonzero(np.diff(voiced, prepend=True, append=True))
        for first, last in edges.reshape(-1, 2):
            if last - first >= self._set.dip:
                found[first:last] = [0.0] * (last - first)
        return found

    def _goes_on(self, sample: Sequence[float]) -> bool:
        """Whether there is speech to the end: not only before it, where it may be dying away."""
        total = 0.0
        for each in sample:
            total = total + each if each >= self._set.possible else 0.0
        return total >= self._set.proof

    def _take(self, found: Sequence[float]) -> None:
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
