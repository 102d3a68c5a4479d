"""Access keys: who holds one, what it allows, and for how long."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256

from service.clock import Timestamp

PREFIX = "ek_"
PLAIN = r"^[^\x00-\x1f\x7f-\x9f]*$"
"""One line that cannot steer the terminal it is printed on."""
LAST_USED_EVERY = timedelta(minutes=1)
"""A key's last use is written at most this often."""


class Role(StrEnum):
    """What a key may be used for; no role includes another, each call names those that may."""

    ROOM_SERVER = "room_server"
    OBSERVER = "observer"
    MODERATOR = "moderator"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it is kept: never the secret itself.

    Attributes:
        id: Public; names the key in lists and in the audit.
        name: The person or machine that holds it; a moderator's steps are recorded under it.
        expires_at: None: until it is revoked.
    """

    id: str
    name: str
    role: Role
    created_at: Timestamp
    expires_at: Timestamp | None = None
    revoked_at: Timestamp | None = None
    last_used_at: Timestamp | None = None

    def valid(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def use_is_news(self, now: datetime) -> bool:
        return self.last_used_at is None or now - self.last_used_at >= LAST_USED_EVERY


def make_secret() -> str:
    """A new key's secret: shown once, then known only to its holder."""
    return PREFIX + secrets.token_urlsafe(32)


def digest_of(secret: str) -> str:
    """What is stored in a secret's place: SHA-256, hexadecimal.

    A slow password hash protects secrets that can be guessed. Ours are 256 random bits: nobody
    finds one by trying, so one fast hash is enough and a look-up by digest needs no comparison.
    """
    return sha256(secret.encode()).hexdigest()


def make_key(
    name: str,
    role: Role,
    now: datetime,
    *,
    lifetime: timedelta | None = None,
    secret: str | None = None,
) -> tuple[Key, str]:
    """A new key and its secret (made here unless given)."""
    key = Key(
        id="key_" + secrets.token_hex(6),
        name=name,
        role=role,
        created_at=now,
        expires_at=None if lifetime is None else now + lifetime,
    )
    return key, secret or make_secret()
