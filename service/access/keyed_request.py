"""Requests with an `Idempotency-Key`, the claims on them, and their answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A request with an idempotency key.

    Attributes:
        caller: Id of the caller's access key. Callers never share an idempotency key.
        operation: Name of the route, for the log.
        fingerprint: Digest of query and body.
        repeatable: Whether doing it twice has the effect of doing it once.
    """

    caller: str
    method: str
    path: str
    key: str = field(repr=False)
    fingerprint: str
    operation: str
    repeatable: bool

    @property
    def digest(self) -> str:
        """Id of the stored answer."""
        parts = (self.caller, self.method, self.path, self.key)
        return sha256("\0".join(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """Answer of an earlier request.

    Attributes:
        body: Text of the body; None where it was too long to be kept.
    """

    status: int
    headers: Mapping[str, str]
    body: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Claim:
    """Right to carry out a request with this key.

    Attributes:
        nonce: 16 hexadecimal digits, the same for every repetition; ids are derived from it.
        repeated: True where an earlier run may have carried it out already.
    """

    digest: str
    nonce: str
    claimed_at: datetime
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class StoredClaim:
    """Claim on record. `sealed` has the fingerprint and, once answered, the answer."""

    nonce: str
    answered: bool
    sealed: str = field(repr=False)
