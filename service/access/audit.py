"""Audit log: an entry for every change that a key or a command makes.

Decisions about an alert are in the history of that alert (`service.alerts`). An escalation is in
both: it concerns people beyond the alert.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from service.clock import Timestamp

COMMAND_LINE = "command line"
SERVER = "server"


class Action(StrEnum):
    ROOM_OPENED = "room.opened"
    ROOM_CHANGED = "room.changed"
    ROOM_CLOSED = "room.closed"
    PUBLISH_TOKEN_MADE = "publish_token.made"
    KEY_MADE = "key.made"
    KEY_REVOKED = "key.revoked"
    SIGNED_IN = "session.signed_in"
    SIGNED_OUT = "session.signed_out"
    WEBHOOK_ADDED = "webhook.added"
    WEBHOOK_CHANGED = "webhook.changed"
    WEBHOOK_DELETED = "webhook.deleted"
    WEBHOOK_ROTATED = "webhook.rotated"
    WEBHOOK_REDELIVERED = "webhook.redelivered"
    HOOK_SECRET_ADDED = "hook_secret.added"
    HOOK_SECRET_REMOVED = "hook_secret.removed"
    POLICIES_CHANGED = "policies.changed"
    ALERT_ESCALATED = "alert.escalated"


@dataclass(frozen=True, slots=True)
class Entry:
    """One change: who made it, when and why. Holds no secret and no speech.

    Attributes:
        who: Name on the key, `command line`, or `server` for its own changes.
        key_id: Id of the key; empty for a change without a key.
        role: Role of the key; empty for a change without a key.
        subject: Id of the changed thing.
    """

    id: str
    at: Timestamp
    who: str
    key_id: str
    role: str
    action: Action
    subject: str
    reason: str


def make_entry(
    who: str,
    action: Action,
    subject: str,
    now: datetime,
    *,
    reason: str = "",
    key_id: str = "",
    role: str = "",
) -> Entry:
    return Entry("au_" + secrets.token_hex(8), now, who, key_id, role, action, subject, reason)
