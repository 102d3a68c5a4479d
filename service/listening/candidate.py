"""What a better detector thinks of a segment that the cheap one opened. Pure.

webrtcvad costs next to nothing and takes hum, music and steady noise for speech. So what it opens
is only a candidate: a detector that knows better hears each window of it once, a few at a time,
and says where in it speech is, if anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from asr.speech import SAMPLE_RATE

WINDOW_MS = 32
_WINDOW = SAMPLE_RATE * WINDOW_MS // 1000
WINDOW_BYTES = 2 * _WINDOW

Likelihood = Callable[[bytes], Sequence[float]]
"""Takes the next whole windows of a track's candidates; how likely each is speech, from 0 to 1. It
may remember earlier ones: music that goes on deceives only whoever hears it for the first time."""


@dataclass(frozen=True, slots=True)
class CandidateSettings:
    possible: float = 0.2
    """A window from here on may be speech: short words, children and laughter often get no more."""
    likely: float = 0.5
    """A window from here on is speech, if its neighbours are."""
    proof: float = 2.0
    """Windows in a row that may be speech are speech if they sum up to this: three that are sure,
    or a quarter of a second of doubt. The attack of a chord gets up to 1.5, and 0.24 s of a spoken
    word at least 2.7."""
    batch: int = 8
    """Windows that are heard together: each alone would cost twice as much."""
    longest_batch: int = 24
    """The same in a pause, whose sound will not be needed if nothing follows it."""


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
        self._start = start
        self._found: list[float] = []
        self._sum = 0.0  # of the last windows in a row that may be speech
        self.speech_until: int | None = None
        """The end of the last window of speech."""

    @property
    def judged(self) -> int:
        """Every sample before this one has been heard."""
        return self._start + len(self._found) * _WINDOW

    def push(self, pcm: bytes, *, voiced: bool) -> None:
        """Take the next samples; `voiced` is the cheap detector's word."""
        self._pending += pcm
        waiting = len(self._pending) // WINDOW_BYTES
        if waiting >= (self._set.batch if voiced else self._set.longest_batch):
            self._judge(waiting)

    def settle(self, until: int) -> None:
        """Hear all whole windows that begin before `until`."""
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
        """Whether there is speech in what was heard since then."""
        return any(self._proven(max(0, (since - self._start) // _WINDOW)))

    def speech(self) -> Sequence[tuple[int, int]]:
        """Where speech is, from a first to a last sample each; pauses lie between.

        The detector notices a beginning a window late, and an end slowly: in noise what it says
        falls off over a quarter of a second.
        """
        found = []
        for run in self._proven(0):
            likely = [at for at in run if self._found[at] >= self._set.likely]
            first, last = max(0, run.start - 1), likely[-1] if likely else run.stop - 1
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
        heard = bytes(self._pending[: count * WINDOW_BYTES])
        del self._pending[: count * WINDOW_BYTES]
        for likelihood in self._likelihood(heard):
            self._found.append(likelihood)
            self._sum = self._sum + likelihood if likelihood >= self._set.possible else 0.0
            if self._sum >= self._set.proof:
                self.speech_until = self.judged
