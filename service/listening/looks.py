"""When to look at speech that goes on, before its end is known. Pure.

Who talks without a pause is looked at every three seconds, so that what is grave in a long speech
is known in the middle of it. What was found only once, in words that may yet change, is looked at
again soon after.
"""

from __future__ import annotations

from dataclasses import dataclass

from asr.speech import SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class LookSettings:
    """All in milliseconds."""

    every_ms: int = 3_000
    again_ms: int = 500
    pausing_ms: int = 200
    """In a pause of this length the end may be near: no look is worth its cost."""


DEFAULTS = LookSettings()


class Looks:
    """One track's. Positions count samples of the track."""

    def __init__(self, settings: LookSettings = DEFAULTS) -> None:
        self._set = settings
        self._next: int | None = None

    def due(self, since: int | None, position: int, pausing_ms: int) -> bool:
        """True once for each look.

        Args:
            since: Where the unbroken speech began; None where nobody is speaking.
            pausing_ms: How long ago the speaker was last voiced.
        """
        if since is None:
            self._next = None
            return False
        if self._next is None:
            self._next = since + _samples(self._set.every_ms)
        if position < self._next or pausing_ms >= self._set.pausing_ms:
            return False
        self._next = position + _samples(self._set.every_ms)
        return True

    def again(self, position: int) -> None:
        """What was seen is to be confirmed: the next look is soon."""
        if self._next is not None:
            self._next = min(self._next, position + _samples(self._set.again_ms))


def _samples(ms: int) -> int:
    return ms * SAMPLE_RATE // 1000
