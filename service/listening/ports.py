"""What listening needs from storage."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from service.listening.heard import AudioGap, HeardUntil, TranscriptHeard


class HearingStore(Protocol):
    async def mark(self, marks: Sequence[HeardUntil]) -> None:
        """Move `heard_until` forward (never back) for these speakers."""
        ...

    async def gap(self, gap: AudioGap) -> None:
        """Record a gap and append `audio.gap`.

        `heard_until` stays where it is: before the gap's end there may be words under way.
        """
        ...

    async def gaps(self, room_id: str, limit: int) -> Sequence[AudioGap]:
        """The latest first."""
        ...

    async def gaps_between(
        self, room_id: str, from_at: datetime, to_at: datetime
    ) -> Sequence[AudioGap]:
        """Those that reach into the time between, oldest first."""
        ...

    async def interrupted(self) -> Sequence[HeardUntil]:
        """Speakers still marked as live, as a crash leaves them behind."""
        ...

    async def talk(
        self, room_id: str, from_at: datetime, to_at: datetime
    ) -> Sequence[TranscriptHeard]:
        """What was said in the room between these times, oldest first."""
        ...

    async def talk_page(
        self, room_id: str, *, limit: int, cursor: str | None
    ) -> tuple[Sequence[TranscriptHeard], str | None]:
        """What was said in the room, newest first, and the cursor of the next page.

        Raises:
            Problem: 400, the cursor is none of ours.
        """
        ...
