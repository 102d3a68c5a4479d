"""Rooms and speakers with a recent rule hit: their speech is transcribed first.

This is about urgency and says nothing against a speaker. A match about somebody who may need help
counts like any other, so that help comes in time. Nothing of it is stored or shown.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta

HOT_FOR = timedelta(seconds=60)
"""Time after a hit in which its room and speaker are hot."""
_MOST = 10_000
"""Rooms and speakers remembered."""


class Heat:
    """Bounded memory of recent rule hits by room and by speaker."""

    def __init__(self) -> None:
        self._hit_at: OrderedDict[tuple[str, str], datetime] = OrderedDict()

    def record_hit(self, room_id: str, speaker_id: str, now: datetime) -> None:
        """Mark the speaker and their room as hot."""
        for key in ((room_id, ""), (room_id, speaker_id)):
            self._hit_at[key] = now
            self._hit_at.move_to_end(key)
        while len(self._hit_at) > _MOST:
            self._hit_at.popitem(last=False)

    def is_speaker_hot(self, room_id: str, speaker_id: str, now: datetime) -> bool:
        return self._is_hot((room_id, speaker_id), now)

    def is_room_hot(self, room_id: str, now: datetime) -> bool:
        return self._is_hot((room_id, ""), now)

    def _is_hot(self, key: tuple[str, str], now: datetime) -> bool:
        at = self._hit_at.get(key)
        return at is not None and now - at <= HOT_FOR
