"""Ports to storage for keys, sessions and the audit log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from service.access.audit import Entry
from service.access.keyed_request import Claim, StoredClaim
from service.access.keys import Key
from service.access.sessions import Session


class KeyStore(Protocol):
    async def add(self, key: Key, digest: str) -> bool:
        """Store a key. Returns: False if a key with this digest exists; nothing is written then."""
        ...

    async def add_distinct(self, key: Key, digest: str) -> Key | None:
        """Store a key, unless a valid one has a name that looks the same. Returns: that one."""
        ...

    async def find(self, digest: str) -> Key | None:
        """Return the key with this digest, valid or not; None if there is none."""
        ...

    async def all(self) -> Sequence[Key]:
        """Return all keys, revoked ones too, oldest first."""
        ...

    async def revoke(self, key_id: str, now: datetime) -> Key | None:
        """Revoke a key; a second call keeps the first time. Returns: the key, None if unknown."""
        ...

    async def used(self, key_id: str, now: datetime) -> None:
        """Store the time of a key's last use."""
        ...


class SessionStore(Protocol):
    async def begin(self, session: Session, digest: str) -> None:
        """Store a session under the digest of its token. Its key must be stored."""
        ...

    async def find(self, digest: str) -> tuple[Session, Key] | None:
        """Return the session and the current state of its key, valid or not."""
        ...

    async def end(self, digest: str) -> None: ...


class AnswerStore(Protocol):
    """Claims on requests with an idempotency key, and their answers, sealed."""

    async def claim(
        self, claim: Claim, caller: str, sealed: str, expired_before: datetime
    ) -> StoredClaim | None:
        """Store a claim, unless one with its digest is stored.

        Args:
            caller: Id of the caller's key.
            sealed: Sealed fingerprint of the request.
            expired_before: A claim that was stored until then counts as removed.

        Returns:
            The stored claim; None where this one is stored now.
        """
        ...

    async def answer(self, claim: Claim, sealed: str) -> None:
        """Store the answer. Args: sealed: The fingerprint and the answer, sealed."""
        ...

    async def release(self, claim: Claim) -> None:
        """Delete a claim."""
        ...

    async def expire(self, before: datetime, most: int) -> int:
        """Delete claims stored until `before`, and all but the newest `most` of each caller.

        Returns:
            Number of claims deleted.
        """
        ...


class AuditStore(Protocol):
    async def add(self, entry: Entry) -> None: ...

    async def page(
        self, who: str | None, subject: str | None, *, limit: int, cursor: str | None = None
    ) -> tuple[Sequence[Entry], str | None]:
        """Return entries, newest first, and the cursor of the next page; None for the last page.

        Args:
            who: Name to select; None for all.
            subject: Id to select; None for all.

        Raises:
            Problem: 400, the cursor is not valid.
        """
        ...
