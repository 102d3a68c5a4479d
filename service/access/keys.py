"""Access keys: holder, role and validity."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256

from service.access.scope import describe_scope
from service.clock import Timestamp

PREFIX = "ek_"
PLAIN = r"^[^\x00-\x1f\x7f-\x9f]*$"
"""Text without control characters, which could steer the terminal that prints it."""
LAST_USED_EVERY = timedelta(minutes=1)
"""Shortest time between two writes of a key's last use."""


class Role(StrEnum):
    """Use of a key. No role includes another; each route names the roles that it admits."""

    ROOM_SERVER = "room_server"
    OBSERVER = "observer"
    MODERATOR = "moderator"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Key:
    """Stored key, without its secret.

    Attributes:
        id: Public id of the key in lists and in the audit log.
        name: Person or machine that holds the key; a moderator's decisions are recorded under it.
        expires_at: Expiry; None for a key that is valid until it is revoked.
        rooms: Ids and globs of the rooms that the key is for; empty for all.
    """

    id: str
    name: str
    role: Role
    created_at: Timestamp
    expires_at: Timestamp | None = None
    revoked_at: Timestamp | None = None
    last_used_at: Timestamp | None = None
    rooms: tuple[str, ...] = ()

    def valid(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def purpose(self) -> str:
        """Return role, holder and scope, for the audit log."""
        only = f", rooms {describe_scope(self.rooms)}" if self.rooms else ""
        return f"{self.role} for {self.name}{only}"

    def must_store_use(self, now: datetime) -> bool:
        return self.last_used_at is None or now - self.last_used_at >= LAST_USED_EVERY


def make_secret() -> str:
    """Make the secret of a new key. It is shown once and then known only to its holder."""
    return PREFIX + secrets.token_urlsafe(32)


def digest_of(secret: str) -> str:
    """Return the SHA-256 of a secret, in hexadecimal, which is stored instead of the secret.

    A slow password hash protects secrets that can be guessed. Ours are 256 random bits and cannot
    be guessed, so a fast hash is enough and a look-up by digest needs no comparison.
    """
    return sha256(secret.encode()).hexdigest()


def make_key(
    name: str,
    role: Role,
    now: datetime,
    *,
    lifetime: timedelta | None = None,
    secret: str | None = None,
    rooms: Sequence[str] = (),
) -> tuple[Key, str]:
    """Make a key. Returns: the key and its secret, which is made unless it is given."""
    key = Key(
        id="key_" + secrets.token_hex(6),
        name=name,
        role=role,
        created_at=now,
        expires_at=None if lifetime is None else now + lifetime,
        rooms=tuple(dict.fromkeys(rooms)),
    )
    return key, secret or make_secret()
