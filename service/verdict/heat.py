"""Who broke a rule lately: what they say is heard before what others say. Pure."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta

HOT_FOR = timedelta(seconds=60)
_MOST = 10_000


class Heat:
    """Remembers rooms and speakers for as long as they are hot; bounded."""

    def __init__(self) -> None:
        self._hit_at: OrderedDict[tuple[str, str], datetime] = OrderedDict()

    def hit(self, room_id: str, speaker_id: str, now: datetime) -> None:
        """A rule applied to what this speaker said."""
        for key in ((room_id, ""), (room_id, speaker_id)):
            self._hit_at[key] = now
            self._hit_at.move_to_end(key)
        while len(self._hit_at) > _MOST:
            self._hit_at.popitem(last=False)

    def speaker(self, room_id: str, speaker_id: str, now: datetime) -> bool:
        return self._is_hot((room_id, speaker_id), now)

    def room(self, room_id: str, now: datetime) -> bool:
        return self._is_hot((room_id, ""), now)

    def _is_hot(self, key: tuple[str, str], now: datetime) -> bool:
        at = self._hit_at.get(key)
        return at is not None and now - at <= HOT_FOR
