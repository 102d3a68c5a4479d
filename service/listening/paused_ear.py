"""Stand-in for the ear of a track while listening is paused: no packet is decoded."""

from __future__ import annotations

from datetime import datetime, timedelta

from asr.speech import Utterance
from service.listening.counters import EarCounters
from service.listening.events import AudioGap
from service.listening.levels import FLOOR_DBFS
from service.listening.packet import Packet

PAUSED = "listening was paused"
"""Reason of the gap that a pause leaves."""


class PausedEar:
    """Counts a speaker's packets and drops them. `close` returns the gap of the pause.

    Args:
        since: Start of the gap.
    """

    level_dbfs = FLOOR_DBFS
    speaking = False
    interrupted = False
    interrupted_at: datetime | None = None
    held_bytes = 0
    awaits_sound = False

    def __init__(self, room_id: str, speaker_id: str, since: datetime) -> None:
        self.room_id = room_id
        self.speaker_id = speaker_id
        self._since = since
        self._packets = 0

    @property
    def counters(self) -> EarCounters:
        return EarCounters(packets=self._packets)

    @property
    def heard_at(self) -> datetime:
        """Return the start of the gap, as `heard_until`."""
        return self._since

    def await_sound(self, since: datetime) -> None:
        """Begin the gap at `since` if that is earlier."""
        self._since = min(self._since, since)

    def note_outage(self, from_at: datetime, to_at: datetime) -> None:
        """Do nothing: no sound is awaited."""

    def shift_clock(self, step: timedelta) -> None:
        """Follow a step forward of the wall clock."""
        self._since += step

    def heard_until(self) -> datetime:
        """Return the start of the gap: nothing after it has been heard."""
        return self._since

    def unheard_since(self, now: datetime) -> datetime:
        """Return the time at which another gap would begin, after `close`."""
        return now

    def push(self, packet: Packet, now: datetime) -> list[Utterance | AudioGap]:
        """Drop the packet."""
        self._packets += 1
        return []

    def tick(self, now_s: float, now: datetime) -> list[Utterance | AudioGap]:
        """Do nothing: there is no sound whose end must be noticed."""
        return []

    def interim_utterance(self) -> Utterance | None:
        """Return None: no utterance is open."""
        return None

    def confirm_interim(self) -> None:
        """Do nothing: no utterance is open."""

    def close(self, now: datetime, *, cut_off: bool = False) -> list[Utterance | AudioGap]:
        """Return the gap of the pause up to now."""
        if now <= self._since:
            return []
        since, self._since = self._since, now
        return [AudioGap(self.room_id, self.speaker_id, since, now, PAUSED)]
