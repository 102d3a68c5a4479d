"""Who is told what."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase

from service.clock import Timestamp
from service.feed.ports import Recorded

OLD_SECRET_FOR = timedelta(hours=24)
"""After a rotation the old secret signs too, for this long."""


class State(StrEnum):
    ENABLED = "enabled"
    DISABLED = "disabled"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address that is told of events, as it may be shown: without its secret.

    Attributes:
        types: Which events; empty: all.
        room: Id or glob (`*`, `?`) of the rooms whose events it gets.
        reason: Why it is in its state, for people; empty for one that was never anything else.
        secret_rotated_at: Until 24 hours later the secret before it signs too.
    """

    id: str
    url: str
    types: Sequence[str]
    room: str
    description: str
    state: State
    reason: str
    created_by: str
    created_at: Timestamp
    secret_rotated_at: Timestamp | None = None

    def wants(self, event: Recorded) -> bool:
        return self.wants_type(event.type) and self.wants_room(event.room_id)

    def wants_type(self, type_: str) -> bool:
        return not self.types or type_ in self.types

    def wants_room(self, room_id: str) -> bool:
        """Events of no room go to whoever asks for all rooms."""
        return fnmatchcase(room_id, self.room)


@dataclass(frozen=True, slots=True)
class Sealed:
    """An endpoint with its secrets as they are kept."""

    endpoint: Endpoint
    secret: str = field(repr=False)
    old_secret: str | None = field(default=None, repr=False)

    def valid(self, now: datetime) -> Sequence[str]:
        """Those that sign now, the newest first."""
        rotated_at = self.endpoint.secret_rotated_at
        if self.old_secret is None or rotated_at is None or now >= rotated_at + OLD_SECRET_FOR:
            return (self.secret,)
        return (self.secret, self.old_secret)


def new_id(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(8)}"
