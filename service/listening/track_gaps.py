"""Gaps of one track: what was not heard, from when to when, and why. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from asr.speech import SAMPLE_RATE
from service.listening.events import AudioGap

INTERRUPTED = "listening was interrupted"
"""Reason of the gap that a stop of the server or the loss of a room leaves."""

STOOD_STILL = "the server stood still"
"""Reason of a gap that a stand-still of this process leaves."""
LOST_ON_THE_WAY = "packets lost on the way"

_CONNECTION_LOST = "the connection was lost"

_REPORT_LOSS_S = 0.5
"""Lost sound in one piece that is a gap event."""
_CUT_OFF = timedelta(seconds=1)
"""Silence before the loss of a connection from which it leaves a gap."""


class TrackGaps:
    """Gaps that are open, and those that end.

    Attributes:
        interrupted_at: Start of the gap that ends with the first words heard; None: there is none.
        awaited_since: Start of the gap that ends with the first sound; None: there is none.
    """

    def __init__(self, room_id: str, speaker_id: str, interrupted_at: datetime | None) -> None:
        self._room_id = room_id
        self._speaker_id = speaker_id
        self._stood_still: tuple[datetime, datetime] | None = None
        self.interrupted_at = interrupted_at
        self.awaited_since: datetime | None = None

    def note_outage(self, from_at: datetime, to_at: datetime) -> None:
        """Note that this process stood still between these times."""
        self._stood_still = (from_at, to_at)

    def end_interruption(self, to_at: datetime) -> AudioGap:
        """End the gap that began at `interrupted_at`, which is not None; return it."""
        assert self.interrupted_at is not None
        from_at, self.interrupted_at = self.interrupted_at, None
        return self._gap(from_at, to_at, INTERRUPTED)

    def end_wait(self, to_at: datetime) -> AudioGap | None:
        """End the gap that began at `awaited_since`; return it, if there is one."""
        if self.awaited_since is None:
            return None
        from_at, self.awaited_since = self.awaited_since, None
        return self._gap(from_at, to_at, STOOD_STILL)

    def lose_packets(self, from_at: datetime, to_at: datetime, lost: int) -> AudioGap | None:
        """Return the gap of lost packets; None where they are too few.

        Silence (DTX) may have followed them.

        Args:
            from_at, to_at: End of the sound before, and begin of the sound after.
            lost: Samples in the lost packets.
        """
        if lost < _REPORT_LOSS_S * SAMPLE_RATE:
            return None
        if self._stood_still is None or from_at >= self._stood_still[1]:
            return self._gap(from_at, to_at, LOST_ON_THE_WAY)
        lost_until = max(self._stood_still[1], from_at + timedelta(seconds=lost / SAMPLE_RATE))
        return self._gap(from_at, min(to_at, lost_until), STOOD_STILL)

    def cut_off(self, sound_at: datetime | None, now: datetime) -> AudioGap | None:
        """Return the gap of a lost connection; None where it was silent for a moment only.

        Args:
            sound_at: Time of the last sound; None before the first.
        """
        if sound_at is None or now - sound_at <= _CUT_OFF:
            return None
        stood_still = self._stood_still is not None and sound_at < self._stood_still[1]
        return self._gap(sound_at, now, STOOD_STILL if stood_still else _CONNECTION_LOST)

    def _gap(self, from_at: datetime, to_at: datetime, reason: str) -> AudioGap:
        return AudioGap(self._room_id, self._speaker_id, from_at, max(from_at, to_at), reason)
