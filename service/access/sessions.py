"""Sessions: a page that has shown a key once goes on with a cookie, and forgets the key.

What the cookie holds is random and means nothing elsewhere. Whether the key behind it is still
valid is asked at every request, so revoking a key signs its pages out.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.access.keys import Key

COOKIE = "earshot_session"
LIFETIME = timedelta(hours=12)
"""A shift; then the page asks for the key again."""

_PREFIX = "es_"


@dataclass(frozen=True, slots=True)
class Session:
    key_id: str
    expires_at: datetime


def make_session(key: Key, now: datetime) -> tuple[Session, str]:
    """A new session and its token, of which only the digest is stored."""
    until = now + LIFETIME
    if key.expires_at is not None:
        until = min(until, key.expires_at)
    return Session(key.id, until), _PREFIX + secrets.token_urlsafe(32)
