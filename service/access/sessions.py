"""Console sessions: a page gives a key once, then uses a cookie and forgets the key.

The cookie holds random text. Every request checks that the key behind the session is still valid,
so revoking a key signs its pages out.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.access.keys import Key

COOKIE = "earshot_session"
LIFETIME = timedelta(hours=12)
"""Length of a shift. After it the page asks for the key again."""

_PREFIX = "es_"


@dataclass(frozen=True, slots=True)
class Session:
    key_id: str
    expires_at: datetime


def make_session(key: Key, now: datetime) -> tuple[Session, str]:
    """Make a session. Returns: the session and its token; only the token's digest is stored."""
    until = now + LIFETIME
    if key.expires_at is not None:
        until = min(until, key.expires_at)
    return Session(key.id, until), _PREFIX + secrets.token_urlsafe(32)
