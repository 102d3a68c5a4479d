"""Parts of the server that keys, sessions and the audit log need."""

from __future__ import annotations

from typing import Annotated, Protocol

from fastapi import Depends

from service.access.answers import Answers
from service.access.attempts import Attempts
from service.access.ports import AuditStore, KeyStore, SessionStore
from service.clock import Clock
from service.provider import Provider


class AccessParts(Protocol):
    @property
    def keys(self) -> KeyStore: ...
    @property
    def sessions(self) -> SessionStore: ...
    @property
    def attempts(self) -> Attempts: ...
    @property
    def public_url(self) -> str:
        """EARSHOT_PUBLIC_URL; empty if it is not set."""
        ...

    @property
    def audit(self) -> AuditStore: ...
    @property
    def answers(self) -> Answers: ...
    @property
    def clock(self) -> Clock: ...


ACCESS = Provider[AccessParts]()
Parts = Annotated[AccessParts, Depends(ACCESS)]
