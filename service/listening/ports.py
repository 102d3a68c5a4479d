"""Storage port of listening."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from service.listening.events import AudioGap, HeardUntil, TranscriptHeard


class HearingStore(Protocol):
    async def mark(self, marks: Sequence[HeardUntil]) -> None:
        """Move `heard_until` forward (never back) for these speakers."""
        ...

    async def gap(self, gap: AudioGap) -> None:
        """Record a gap and append `audio.gap`.

        `heard_until` stays where it is: words from before the gap's end may still be unsettled.
        """
        ...

    async def gaps(self, room_id: str, limit: int) -> Sequence[AudioGap]:
        """Return the room's gaps, latest first."""
        ...

    async def gaps_between(
        self, room_id: str, from_at: datetime, to_at: datetime
    ) -> Sequence[AudioGap]:
        """Return the gaps that overlap the time between, oldest first."""
        ...

    async def interrupted(self) -> Sequence[HeardUntil]:
        """Return the speakers whom an earlier run left live, with their `heard_until`."""
        ...

    async def talk(
        self, room_id: str, from_at: datetime, to_at: datetime
    ) -> Sequence[TranscriptHeard]:
        """Return the room's transcripts between these times, oldest first."""
        ...

    async def talk_page(
        self, room_id: str, *, limit: int, cursor: str | None
    ) -> tuple[Sequence[TranscriptHeard], str | None]:
        """Return the room's transcripts, newest first, and the cursor of the next page.

        Raises:
            Problem: 400 where the cursor is not one of ours.
        """
        ...
