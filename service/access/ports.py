"""What access needs from storage."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from service.access.audit import Entry
from service.access.keys import Key
from service.access.sessions import Session


class KeyStore(Protocol):
    async def add(self, key: Key, digest: str) -> bool:
        """False, and nothing is written, where a key with this digest is on record."""
        ...

    async def find(self, digest: str) -> Key | None:
        """Whether or not it is still valid."""
        ...

    async def all(self) -> Sequence[Key]:
        """Oldest first, revoked ones too."""
        ...

    async def revoke(self, key_id: str, now: datetime) -> Key | None:
        """None where there is no such key; revoking twice keeps the first time."""
        ...

    async def used(self, key_id: str, now: datetime) -> None: ...


class SessionStore(Protocol):
    async def begin(self, session: Session, digest: str) -> None:
        """Keep a session under the digest of its token. Its key must be on record."""
        ...

    async def find(self, digest: str) -> tuple[Session, Key] | None:
        """The session and its key as it is now, whether or not either is still valid."""
        ...

    async def end(self, digest: str) -> None: ...


class AuditStore(Protocol):
    async def add(self, entry: Entry) -> None: ...

    async def page(
        self, who: str | None, subject: str | None, *, limit: int, cursor: str | None = None
    ) -> tuple[Sequence[Entry], str | None]:
        """Newest first, and the cursor of the next page; None lets all names and subjects through.

        Raises:
            Problem: 400, the cursor is none of ours.
        """
        ...
