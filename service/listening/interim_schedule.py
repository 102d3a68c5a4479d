"""Schedule of interim transcripts: when to transcribe speech that has not ended. Pure.

Unbroken speech is transcribed every three seconds, so that a grave phrase in a long speech is known
before its end. Words of a single interim transcript may still change: a grave one among them is
confirmed by another transcript soon after.
"""

from __future__ import annotations

from dataclasses import dataclass

from asr.speech import SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class InterimSettings:
    """Times in milliseconds."""

    every_ms: int = 3_000
    confirm_ms: int = 500
    pause_ms: int = 200
    """Pause from which no interim transcript is due: the end is probably near."""


DEFAULTS = InterimSettings()


class InterimSchedule:
    """Schedule of one track. Positions count samples of the track."""

    def __init__(self, settings: InterimSettings = DEFAULTS) -> None:
        self._set = settings
        self._next: int | None = None

    def is_due(self, since: int | None, position: int, pause_ms: int) -> bool:
        """Return True once for each interim transcript.

        Args:
            since: Begin of the unbroken speech; None where nobody is speaking.
            position: End of the sound so far.
            pause_ms: Time since the last voiced frame.
        """
        if since is None:
            self._next = None
            return False
        if self._next is None:
            self._next = since + _samples(self._set.every_ms)
        if position < self._next or pause_ms >= self._set.pause_ms:
            return False
        self._next = position + _samples(self._set.every_ms)
        return True

    def confirm_soon(self, position: int) -> None:
        """Make the next interim transcript due soon."""
        if self._next is not None:
            self._next = min(self._next, position + _samples(self._set.confirm_ms))


def _samples(ms: int) -> int:
    return ms * SAMPLE_RATE // 1000
