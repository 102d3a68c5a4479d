"""Webhook endpoints: URL, filter, state and secrets."""

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
"""Time after a rotation in which the old secret signs too."""


class EndpointState(StrEnum):
    ENABLED = "enabled"
    DISABLED = "disabled"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """URL that receives events, without its secret.

    Attributes:
        types: Types of the events; empty for all.
        room: Id or glob (`*`, `?`) of the rooms of the events.
        reason: Reason for the state, for people; empty while the state has never changed.
        secret_rotated_at: Time of the rotation; for 24 hours the earlier secret signs too.
    """

    id: str
    url: str
    types: Sequence[str]
    room: str
    description: str
    state: EndpointState
    reason: str
    created_by: str
    created_at: Timestamp
    secret_rotated_at: Timestamp | None = None

    def wants(self, event: Recorded) -> bool:
        return self.wants_type(event.type) and self.wants_room(event.room_id)

    def wants_type(self, type_: str) -> bool:
        return not self.types or type_ in self.types

    def wants_room(self, room_id: str) -> bool:
        """Return whether the filter has this room. Events of no room need a filter for all."""
        return fnmatchcase(room_id, self.room)


@dataclass(frozen=True, slots=True)
class Sealed:
    """Endpoint with its sealed secrets."""

    endpoint: Endpoint
    secret: str = field(repr=False)
    old_secret: str | None = field(default=None, repr=False)

    def valid(self, now: datetime) -> Sequence[str]:
        """Return the sealed secrets that sign now, newest first."""
        rotated_at = self.endpoint.secret_rotated_at
        if self.old_secret is None or rotated_at is None or now >= rotated_at + OLD_SECRET_FOR:
            return (self.secret,)
        return (self.secret, self.old_secret)


def new_id(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(8)}"
